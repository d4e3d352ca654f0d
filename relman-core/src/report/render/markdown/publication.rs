use serde::Serialize;

use super::{TemplateError, Templates};
use crate::{
    chain::Head,
    event::{Event, Record},
    machine::{EndedAs, Release},
    port::{Note, PartKey, PhaseState, PhaseStatus, Publication, Standing, Subject},
    report::{
        Artifact, ArtifactName, Frame, FrameName, FrameState, Heading, History, PlanReport, Storyboard,
    },
};

/// What the templates of a publication are given.
#[derive(Serialize)]
pub(super) struct Context {
    heading: Heading,
    plan: PlanReport,
    frames: Vec<FrameLine>,
}

/// A frame of the storyboard, in a line.
#[derive(Serialize)]
struct FrameLine {
    name: FrameName,
    state: FrameState,
    says: String,
}

impl Templates {
    /// What a tracker's copy of a release should be: where the release is, a note for each phase that is over, each
    /// post-mortem, and the state of each phase. None where nothing is planned yet. A host adds files.
    ///
    /// The body is as of the last record. A note is as of the record that ended its phase, and a post-mortem as of the
    /// record that filed it, so that they stay as they are while the record grows.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Render`] where a replaced template asks for what there is not.
    pub fn publication(
        &self,
        history: &History<'_>,
        subject: &Subject,
    ) -> Result<Option<Publication>, TemplateError> {
        let (Some(plan), Some(head)) = (PlanReport::of(history), history.release.head()) else {
            return Ok(None);
        };
        let board = Storyboard::of(history);
        let heading = Heading::of(history);
        let drill = if history.release.is_drill() { "DRILL " } else { "" };
        let (service, version) = (&plan.scope.service, &plan.scope.artifact.version);
        let title = heading.title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
        let title = format!("{drill}{service} {version}{title}");
        let body = self.page("publication", history, &board)?;
        let standing = standing(history);
        let mut publication = Publication::new(subject.clone(), head, title, body, standing);
        for frame in board.frames() {
            if let Some(status) = status(frame) {
                publication = publication.with_phase(status);
            }
            if let Some(note) = self.note(history, frame)? {
                publication = publication.with_note(note);
            }
        }
        if let Some(note) = self.retrospective(history)? {
            publication = publication.with_note(note);
        }
        for note in self.post_mortems(history)? {
            publication = publication.with_post_mortem(note);
        }
        Ok(Some(publication))
    }

    /// A template that shows plan and frames.
    fn page(
        &self,
        template: &str,
        history: &History<'_>,
        board: &Storyboard,
    ) -> Result<String, TemplateError> {
        let frames = board.frames().map(|frame| FrameLine {
            name: frame.name,
            state: frame.state,
            says: frame.says.clone(),
        });
        let plan = PlanReport::of(history);
        let context = plan.map(|plan| Context {
            heading: Heading::of(history),
            plan,
            frames: frames.into_iter().collect(),
        });
        self.render(template, template, serde_json::to_value(context))
    }

    /// The outcome of a phase, once it is over.
    fn note(&self, history: &History<'_>, frame: &Frame) -> Result<Option<Note>, TemplateError> {
        let (Some(left), FrameState::Passed) = (frame.left, frame.state) else { return Ok(None) };
        let past = Past::until(history, left.record);
        let history = past.history();
        let (title, body) = match frame.name {
            FrameName::Plan => ("Planned and approved", self.artifact(&history, ArtifactName::Plan)?),
            FrameName::Stage => ("Staged", Some(self.page("staging", &history, &Storyboard::of(&history))?)),
            FrameName::Release => ("Released to everyone", self.artifact(&history, ArtifactName::Schedule)?),
            FrameName::Verify => ("Validated", self.artifact(&history, ArtifactName::Validation)?),
            FrameName::Rollback => ("Rolled back", self.artifact(&history, ArtifactName::RollbackLog)?),
        };
        Ok(past.note(&key(frame.name), title, body))
    }

    fn artifact(&self, history: &History<'_>, name: ArtifactName) -> Result<Option<String>, TemplateError> {
        Artifact::of(history, name).map(|artifact| self.markdown(&artifact)).transpose()
    }

    /// The retrospective, once the release has ended: as of what people have said last.
    fn retrospective(&self, history: &History<'_>) -> Result<Option<Note>, TemplateError> {
        let Some(ended) = history.ended() else { return Ok(None) };
        let said = history.last(|event| {
            matches!(
                event,
                Event::LessonRecorded(_)
                    | Event::ActionItemOpened(_)
                    | Event::ActionItemSettled(_)
                    | Event::PostMortemFiled(_)
            )
        });
        let last = said.map_or(ended.mark.record, |record| record.seq.max(ended.mark.record));
        let past = Past::until(history, last);
        let body = self.artifact(&past.history(), ArtifactName::Retrospective)?;
        Ok(past.note("retrospective", "Retrospective", body))
    }

    fn post_mortems(&self, history: &History<'_>) -> Result<Vec<Note>, TemplateError> {
        let mut notes = Vec::new();
        for record in history.records {
            let Event::PostMortemOpened(opened) = &record.event else { continue };
            let filed = history.last(
                |event| matches!(event, Event::PostMortemFiled(filed) if filed.number == opened.number),
            );
            let past = Past::until(history, filed.map_or(record.seq, |filed| filed.seq));
            let name = ArtifactName::PostMortem(opened.number);
            let title = format!("{} of {}: {}", name.title(), history.release.id(), opened.about);
            let body = self.artifact(&past.history(), name)?;
            notes.extend(past.note(&name.to_string(), &title, body));
        }
        Ok(notes)
    }
}

/// A release as it was when a record was its last one.
struct Past<'a> {
    release: Release,
    records: &'a [Record],
}

impl<'a> Past<'a> {
    fn until(history: &History<'a>, last: u64) -> Self {
        let records = history.records.partition_point(|record| record.seq <= last);
        let records = &history.records[..records];
        let mut release = Release::new(history.release.id().clone());
        for record in records {
            release.apply(record).expect("the whole record was applied in this order");
        }
        Self { release, records }
    }

    fn history(&self) -> History<'_> {
        History::settled(&self.release, self.records)
    }

    fn head(&self) -> Option<Head> {
        self.release.head()
    }

    fn note(&self, key: &str, title: &str, body: Option<String>) -> Option<Note> {
        let key: PartKey = key.parse().expect("names of frames and artifacts are keys");
        Some(Note { key, head: self.head()?, title: title.to_owned(), body: body? })
    }
}

fn key(frame: FrameName) -> String {
    frame.to_string().to_lowercase()
}

fn status(frame: &Frame) -> Option<PhaseStatus> {
    let state = match frame.state {
        FrameState::NotReached => return None,
        FrameState::UnderWay => PhaseState::UnderWay,
        FrameState::Passed => PhaseState::Passed,
        FrameState::Stopped => PhaseState::Failed,
    };
    let key = key(frame.name).parse().expect("names of frames are keys");
    Some(PhaseStatus { key, state, summary: frame.says.clone() })
}

fn standing(history: &History<'_>) -> Standing {
    match history.ended().map(|ended| ended.how) {
        None => Standing::UnderWay,
        Some(EndedAs::Completed) => Standing::Completed,
        Some(EndedAs::RolledBack) => Standing::RolledBack,
        Some(EndedAs::Aborted) => Standing::Aborted,
    }
}
