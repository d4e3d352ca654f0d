//! `backup`: a copy of the journal in use.

use std::path::Path;

use serde_json::json;

use crate::{cli::Global, failure::Failure, output, store};

/// Copies the journal to a new file.
pub(super) async fn run(global: &Global, to: &Path) -> Result<(), Failure> {
    let path = store::path(global);
    store::open_read_only(&path)?.backup(to).await?;
    let (path, to) = (path.display(), to.display());
    if global.json {
        return Ok(output::report_json(&json!({ "journal": path.to_string(), "copy": to.to_string() }))?);
    }
    Ok(output::line(format_args!("copied {path} to {to}; check it with: deploy-tool verify {to}"))?)
}
