//! Views as text: at most 100 columns, aligned, without colours, readable at 3 a.m.

mod evidence;
mod layout;
mod learning;
mod outcome;
mod plan;
mod status;
mod storyboard;
mod timeline;
