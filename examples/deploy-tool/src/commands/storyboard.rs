//! `storyboard`: a release in five frames, as one page that stands alone.

use std::path::Path;

use relman_adapters::web::storyboard_file;
use relman_core::{
    report::{History, Storyboard},
    unit::ReleaseId,
};

use super::page::{Kind, Page};
use crate::{cli::Global, failure::Failure, output, store};

/// Writes the page, or prints it; with `--json` the storyboard as data.
pub(super) async fn run(global: &Global, id: &ReleaseId, to: Option<&Path>) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let page = to.map(|path| Page::prepare(path, Kind::Html)).transpose()?;
    let Some(told) = store::tell(&*journal, id).await? else {
        return Err(store::no_such_release(&*journal, &path, id).await);
    };
    let history = History::new(&told.release, &told.records, store::now());
    match page {
        Some(page) => {
            let written = page.write(storyboard_file(&history).as_bytes())?;
            Ok(output::note(&format!("wrote the storyboard of {id} to {}", written.display()))?)
        }
        None if global.json => Ok(output::report_json(&Storyboard::of(&history))?),
        None => Ok(output::report(storyboard_file(&history))?),
    }
}
