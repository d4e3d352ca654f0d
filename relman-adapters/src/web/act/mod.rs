//! What people do: each action is asked for on a page that shows what is decided on, and done by its form.

mod form;
mod offer;
mod page;
mod submit;

pub(super) use offer::Offer;
pub(super) use page::ask;
pub(super) use submit::act;
