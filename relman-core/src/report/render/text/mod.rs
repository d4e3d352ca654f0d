//! Views as text: at most 100 columns, aligned, without colours, readable at 3 a.m.

mod delivery;
mod evidence;
mod layout;
mod plan;
mod retrospective;
mod rollback;
mod schedule;
mod status;
mod storyboard;
mod timeline;
mod validation;
