//! `init`: files to start from.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use relman_core::policy::Policy;

use crate::{failure::Failure, output};

/// What is written, by name.
const FILES: [(&str, &str); 3] = [
    ("relman.toml", include_str!("../../example/relman.toml")),
    ("policy.toml", Policy::SHIPPED_TOML),
    ("plan.toml", include_str!("../../example/plan.toml")),
];

/// Writes the files into a folder; where one of them is there already, writes none.
pub(super) fn run(dir: &Path) -> Result<(), Failure> {
    let there: Vec<String> = FILES
        .iter()
        .map(|(name, _)| dir.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() {
        return Err(Failure::refused(format_args!(
            "nothing was written, because nothing is overwritten and these are there: {}; name another folder",
            there.join(", ")
        )));
    }
    let failed = |path: &Path, error: std::io::Error| {
        Failure::usage(format_args!("failed to write {}: {error}", path.display()))
    };
    fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for (name, text) in FILES {
        let path = dir.join(name);
        let write = || File::create_new(&path)?.write_all(text.as_bytes());
        write().map_err(|error| failed(&path, error))?;
        output::line(format_args!("wrote {}", path.display()))?;
    }
    output::line("next: edit them, then `deploy-tool --as user:ana plan plan.toml` in that folder")?;
    Ok(())
}
