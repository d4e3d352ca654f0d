//! The storyboard of a release, as a live page.

mod page;
mod view;

pub(super) use page::{
    artifact, as_file, head_of, live_links, looks, news, package_file, record, record_file, storyboard, told,
};
pub(super) use view::{Artifacts, View, rule, without_rule};
