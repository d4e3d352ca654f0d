//! `package`: everything about a release in one archive.

use relman_adapters::package::{FoundPackage, PackageError, package};
use relman_core::{
    port::{Journal, JournalExt},
    report::Templates,
};

use super::{
    page::{Kind, Page},
    report,
};
use crate::{
    cli::{Global, Package},
    failure::{Failure, with_causes},
    output, store,
};

/// Packs the release as of its last record.
pub(super) async fn run(global: &Global, asked: &Package) -> Result<(), Failure> {
    let id = &asked.release;
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let templates = match &asked.templates {
        Some(folder) => report::templates(folder)?,
        None => Templates::default(),
    };
    let page = Page::prepare(&asked.output, Kind::Zip)?;
    let lines = journal.read_to_end(&id.into(), 0).await?;
    if lines.is_empty() {
        return Err(store::no_such_release(&*journal, &path, id).await);
    }
    let bytes = package(id, &lines, &templates).map_err(|error| match &error {
        PackageError::Broken { source, .. } => {
            let finds = store::finds(source);
            Failure::refused(format_args!("{}; `{finds}` names the first bad record", with_causes(&error)))
        }
        PackageError::Template(_) => Failure::usage(with_causes(&error)),
        _ => Failure::refused(with_causes(&error)),
    })?;
    let head = store::head_in_words(journal.head(&id.into()).await?);
    let written = page.write(&bytes)?;
    let digest = FoundPackage::read(&written).ok().and_then(|package| package.digest());
    let digest = digest.map(|digest| format!("; SHA256SUMS, which stands for every file: {digest}"));
    Ok(output::note(&format!(
        "packed {id} into {}; {head}{}",
        written.display(),
        digest.unwrap_or_default()
    ))?)
}
