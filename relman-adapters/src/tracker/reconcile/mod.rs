//! Makes the copy on a tracker what a publication says, whichever tracker it is.
//!
//! What is the same for all of them is here: where to look for a copy, what to create, to change or to leave, what
//! belongs to other people, the order of the writes, and what to do when an answer was lost. What only one tracker has
//! (its requests, the shape of its answers, its limits) is behind [`Remote`].

mod file;
mod reconciler;
mod remote;

pub(super) use file::{FileNames, NewFile, RemoteFile};
pub(super) use reconciler::{Patience, find, publish};
pub(super) use remote::{Draft, Item, Part, Profile, Remote, Sight, Status, StatusWords};

#[cfg(test)]
mod tests;
