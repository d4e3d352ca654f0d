//! The pages from outside: requests without a socket, answers as a browser gets them.

mod actions;
mod live;
mod markup;
mod pages;
mod site;
