//! What people do on the pages: each action has a page that shows what they decide on, and a form that does it.

mod form;
mod offer;
mod page;
mod submit;

pub(super) use offer::Offer;
pub(super) use page::show_form;
pub(super) use submit::submit;
