//! What is read, checked and handed over.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use relman_core::{
    chain::Digest,
    report::ArtifactName,
    unit::{ReleaseId, Span, StreamId},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Handover {
    /// Exports everything to a new folder
    ///
    /// Every stream is verified on the way. Prints the digest of the manifest: give it to whoever imports,
    /// by another route than the folder.
    ///
    /// Example: deploy-tool handover export folder
    Export {
        /// A folder that does not exist yet, or is empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Imports everything from a folder into a journal of its own
    ///
    /// Everything is verified first, as by `verify --deep`. The journal is made beside its place, in FILE.importing, and
    /// appears whole or not at all. A journal that is there already is compared and left as it is. People and policy become
    /// the configuration where this machine has none, and are compared where it has one. A release that is under way must
    /// be driven in one place only: stop `run` and `serve` on the old journal first.
    ///
    /// Example: deploy-tool --journal new.db handover import folder --digest 28a3a18f…
    Import {
        /// The folder with the export
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// The digest that the export printed
        #[arg(long, value_name = "SHA256")]
        digest: Option<Digest>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
}

#[derive(Debug, Args)]
pub(crate) struct Package {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// The archive to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// A folder of templates that replace relman's own, as for `report`
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// One of plan, schedule, validation, rollback-log, post-mortem-1 …, retrospective [default: all there are]
    #[arg(long, value_name = "NAME")]
    pub(crate) artifact: Option<ArtifactName>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// How far back to look, from now: 90d [default: everything]
    #[arg(long, value_name = "DURATION")]
    pub(crate) last: Option<Span>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// In which shape a document is printed.
#[derive(Debug, Args)]
pub(crate) struct Shape {
    /// Text for a terminal, Markdown for a page, JSON for a program; --json means --format json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// A folder whose files, such as plan.md, replace the templates of the Markdown
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal
    Text,
    /// For a page
    Markdown,
    /// For a program, one object per line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A journal, an export, or a package as an archive or a folder [default: the journal]
    pub(crate) file: Option<PathBuf>,
    /// A head that was kept elsewhere, 64 hexadecimal digits, or RELEASE=HEX; repeatable
    #[arg(long = "head", value_name = "HEX")]
    pub(crate) heads: Vec<KnownHead>,
    /// Judges every recorded evaluation again; each verdict must come out the same, bit for bit. A package always is
    #[arg(long)]
    pub(crate) deep: bool,
    /// The folder of templates that a package was made with, as for `package`
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

/// A head recorded outside the journal.
#[derive(Debug, Clone)]
pub(crate) struct KnownHead {
    /// The stream it belongs to, where that was said.
    pub(crate) stream: Option<StreamId>,
    /// The hash of a record.
    pub(crate) digest: relman_core::chain::Digest,
}

impl std::str::FromStr for KnownHead {
    type Err = relman_core::unit::UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((stream, digest)) => {
                // As `verify` prints it: a release by its id alone.
                let stream =
                    stream.parse().or_else(|_| ReleaseId::recorded(stream).map(StreamId::Release))?;
                Ok(Self { stream: Some(stream), digest: digest.parse()? })
            }
            None => Ok(Self { stream: None, digest: text.parse()? }),
        }
    }
}

/// Which schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Of a release plan
    Plan,
    /// Of a policy
    Policy,
}
