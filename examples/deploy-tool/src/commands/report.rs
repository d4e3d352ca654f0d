//! The documents that people receive: artifacts of one release, metrics and obligations over all of them.

use std::{fs, path::Path};

use relman_core::{
    port::{Journal, JournalExt, Streams},
    report::{Artifact, Contribution, DeliveryMetrics, History, OpenItems, Templates},
    unit::Window,
};

use crate::{
    cli::{Format, Global, Metrics, Report, Shape},
    failure::Failure,
    output,
    store::{self, Stored},
};

/// `report`: the artifacts of a release as of its last record.
pub(super) async fn report(global: &Global, asked: &Report) -> Result<(), Failure> {
    let printer = Printer::of(global, &asked.shape)?;
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let id = &asked.release;
    let Some(Stored { release, records }) = store::tell(&*journal, id).await? else {
        return Err(store::no_such_release(&*journal, &path, id).await);
    };
    let mut artifacts = Artifact::all(&History::settled(&release, &records));
    if let Some(name) = asked.artifact {
        let names: Vec<String> = artifacts.iter().map(|artifact| artifact.name().to_string()).collect();
        artifacts.retain(|artifact| artifact.name() == name);
        if artifacts.is_empty() {
            let (phase, names) = (release.phase().name(), names.join(", "));
            return Err(Failure::refused(format_args!("{id} is {phase} and has no {name}; it has {names}")));
        }
    }
    for (index, artifact) in artifacts.iter().enumerate() {
        if index > 0 && printer.format != Format::Json {
            output::line("")?;
        }
        printer.print(artifact)?;
    }
    Ok(())
}

/// `metrics`: how well software is delivered.
pub(super) async fn metrics(global: &Global, asked: &Metrics) -> Result<(), Failure> {
    let printer = Printer::of(global, &asked.shape)?;
    let journal = store::open_read_only(&store::path(global))?;
    let now = store::now();
    let window = asked.last.map(|last| Window { from: now.minus(last), until: now });
    let mut contributions = Vec::new();
    each(&*journal, |told| {
        contributions.push(Contribution::of(&History::settled(&told.release, &told.records)));
    })
    .await?;
    let metrics = DeliveryMetrics::of(contributions, window, now);
    printer.print(&Artifact::DeliveryMetrics(Box::new(metrics)))
}

/// `owed`: what people owe releases.
pub(super) async fn owed(global: &Global) -> Result<(), Failure> {
    let journal = store::open_read_only(&store::path(global))?;
    let now = store::now();
    let mut owed = OpenItems::of([], now);
    each(&*journal, |told| owed.add(&History::new(&told.release, &told.records, now))).await?;
    let owed = owed.sorted();
    Ok(if global.json { output::report_json(&owed) } else { output::report(owed) }?)
}

/// Reads the releases one after the other. A figure over all of them is none where one can't be read.
async fn each(journal: &dyn Journal, mut take: impl FnMut(Stored)) -> Result<(), Failure> {
    for (release, _) in journal.every_release(Streams::All).await? {
        if let Some(told) = store::tell(journal, &release).await? {
            take(told);
        } else {
            return Err(Failure::refused(format_args!(
                "{release} has a head and no records; `verify` says more"
            )));
        }
    }
    Ok(())
}

/// Prints documents in the shape that was asked for.
struct Printer {
    format: Format,
    templates: Templates,
}

impl Printer {
    fn of(global: &Global, shape: &Shape) -> Result<Self, Failure> {
        let format = if global.json { Format::Json } else { shape.format };
        let templates = match &shape.templates {
            Some(folder) => templates(folder)?,
            None => Templates::default(),
        };
        Ok(Self { format, templates })
    }

    fn print(&self, artifact: &Artifact) -> Result<(), Failure> {
        match self.format {
            Format::Text => Ok(output::report(artifact)?),
            Format::Markdown => {
                let markdown = self.templates.markdown(artifact).map_err(Failure::usage)?;
                Ok(output::report(markdown)?)
            }
            Format::Json => {
                let mut value = serde_json::to_value(artifact).map_err(Failure::refused)?;
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("artifact".to_owned(), artifact.name().to_string().into());
                }
                Ok(output::report_json(&value)?)
            }
        }
    }
}

/// relman's own templates with those of a folder in their places.
pub(super) fn templates(folder: &Path) -> Result<Templates, Failure> {
    let shown = folder.display();
    let unreadable = |error| Failure::usage(format_args!("failed to read the templates in {shown}: {error}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    // In one order on every file system, so that the first error is always the same.
    files.sort();
    let mut templates = Templates::default();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let source = fs::read_to_string(file).map_err(unreadable)?;
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        templates = templates
            .with(name, &source)
            .map_err(|error| Failure::usage(format_args!("{}: {error}", file.display())))?;
    }
    Ok(templates)
}
