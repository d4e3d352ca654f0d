//! The pages from outside: requests without a socket, answers as a browser gets them.

// The whole folder is a test, and its helpers fail it by panicking.
#![allow(clippy::unwrap_used)]

mod actions;
mod live;
mod markup;
mod pages;
mod site;
