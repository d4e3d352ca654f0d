//! A package: its record is verified and judged again, and everything in it is made again from that.

use std::path::Path;

use relman_adapters::package::{Difference, FoundPackage, PackageError};
use relman_core::{
    chain::{Broken, BrokenReason, Verifier},
    report::Templates,
    unit::ReleaseId,
};

use super::{
    conclude, deep,
    finding::{Fault, Found, NotVerified, Verdict},
    heads::KnownHeads,
};
use crate::{commands::report, failure::with_causes};

pub(super) fn verify(
    path: &Path,
    mut heads: KnownHeads,
    templates: Option<&Path>,
) -> Result<Verdict, NotVerified> {
    let unreadable = |reason: String| NotVerified::Unreadable(Fault::of_file(reason));
    let own = match templates {
        Some(folder) => report::templates(folder).map_err(|failure| unreadable(failure.to_string()))?,
        None => Templates::default(),
    };
    let package = FoundPackage::read(path).map_err(|error| match error {
        PackageError::Read { .. } => unreadable(with_causes(&error)),
        PackageError::NotAPackage { problem, .. } if path.is_dir() => unreadable(format!(
            "{} is a folder and no package: {problem}; a handover is verified by `handover import`",
            path.display()
        )),
        PackageError::NotAPackage { problem, .. } => {
            NotVerified::Bad(Fault::of_file(format!("it is not a release package: {problem}")))
        }
        error => NotVerified::Bad(Fault::of_file(with_causes(&error))),
    })?;
    let (found, lines) = verify_record(package.record(), &mut heads)?;
    let Some(release) = found.stream.release().cloned() else {
        return Err(Fault::of_file("record.jsonl is not the record of a release").into());
    };
    let mut verdict = conclude(vec![found], &heads, Vec::new())?;
    verdict.derived = Some(derive(&release, &lines)?);
    let differences = package
        .differences(&release, &lines, &own)
        .map_err(|error| NotVerified::Bad(Fault::of_file(with_causes(&error))))?;
    if !differences.is_empty() {
        let mut reason = differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if let Some(version) = package.made_with().filter(|_| package.is_of_another_version()) {
            reason = format!(
                "{reason}; it says that {version} has made it, which may word a document differently: verify it with that \
                 version"
            );
        } else if templates.is_none() && differences.iter().any(is_of_a_template) {
            reason.push_str("; a package with templates of your own is verified with --templates DIR");
        }
        return Err(Fault::of_file(reason).into());
    }
    verdict.files = Some(package.files());
    if let Some(digest) = package.digest() {
        verdict.notes.push(format!("SHA256SUMS, which stands for every file, has the digest {digest}"));
    }
    Ok(verdict)
}

/// Whether templates of one's own may be the reason.
fn is_of_a_template(difference: &Difference) -> bool {
    match difference {
        Difference::Altered(path) => {
            ["artifacts/", "forms/", "guide/"].iter().any(|folder| path.starts_with(folder))
        }
        _ => false,
    }
}

/// Reads the chain, to its end.
fn verify_record(record: &[u8], heads: &mut KnownHeads) -> Result<(Found, Vec<Vec<u8>>), NotVerified> {
    let mut verifier = Verifier::new(None);
    let mut lines = Vec::new();
    let mut parts = record.split_inclusive(|byte| *byte == b'\n');
    for part in &mut parts {
        let Some(line) = part.strip_suffix(b"\n") else {
            let seq = verifier.head().map_or(0, |head| head.seq + 1);
            let release = verifier.stream().cloned();
            return Err(Broken::new(release, seq, BrokenReason::Unterminated).into());
        };
        let seq = lines.len() as u64 + 1;
        verifier.push(line).map_err(|broken| Fault { line: Some(seq), ..broken.into() })?;
        if let (Some(release), Some(head)) = (verifier.stream(), verifier.head()) {
            heads.see(release, head);
        }
        lines.push(line.to_vec());
    }
    let (release, head) = (verifier.stream().cloned(), verifier.head());
    let given = release.as_ref().and_then(|release| heads.unseen_of(release));
    let known = head.zip(given).map(|(head, digest)| relman_core::chain::Head { digest, ..head });
    // A head that was given tells which of the last two records was altered; what is missing is said below.
    if let Err(broken) = verifier.clone().finish(None) {
        let is_cut = matches!(broken.reason, BrokenReason::BatchCut { .. });
        let known = known.filter(|_| !is_cut);
        return Err(verifier.finish(known).err().unwrap_or(broken).into());
    }
    match release.zip(head) {
        Some((release, head)) => Ok((Found { stream: release, head, anchored_to: None }, lines)),
        None => Err(Fault::of_file("record.jsonl has no records").into()),
    }
}

fn derive(release: &ReleaseId, lines: &[Vec<u8>]) -> Result<deep::Derived, NotVerified> {
    let mut again = deep::Again::of(std::iter::once(&release.into()));
    for line in lines {
        deep::push(&mut again, line)?;
    }
    deep::finish(&again)
}
