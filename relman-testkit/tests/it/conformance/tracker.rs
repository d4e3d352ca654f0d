use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_trait::async_trait;
use relman_core::{
    chain::Head,
    port::{
        Note, PartKey, Placement, PortError, PortErrorKind, Publication, Published, Subject, Tracker,
        TrackerCapabilities,
    },
    unit::ReleaseId,
};
use relman_testkit::conformance::{
    Able, Port, Report,
    tracker::{Shown, TrackerFixture, suite},
};

use super::{Exposed, each_check_can_fail};

const TOKEN: &str = "hunter2-hunter2";

/// How many characters the tracker takes.
const BODY_CHARS: usize = 1_000;

/// What is wrong with a tracker. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    FindsWithoutReading,
    FindsTheTag,
    ForgetsTheSecondFile,
    CommentsAnew,
    CountsItsVisits,
    KeepsTheFirstText,
    GoesBack,
    NotesWithoutHeads,
    TakesFilesAway,
    OneCopyForEachTag,
    TrustsItsMemory,
    WritesOverOthers,
    RefusesLongTexts,
    SilenceIsPublished,
    SilenceIsNone,
    GivesUp,
    Tells,
}

/// The sound tracker with the other side in it, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    site: Mutex<Site>,
}

/// The other side.
#[derive(Default)]
struct Site {
    copies: BTreeMap<Subject, Copy>,
    notes: Vec<(ReleaseId, PartKey, Note)>,
    post_mortems: Vec<(ReleaseId, PartKey, Note)>,
    phases: BTreeMap<(ReleaseId, PartKey), String>,
    assets: BTreeMap<String, Vec<u8>>,
    link: Link,
    /// What the adapter remembers, where it does.
    remembered: BTreeSet<PartKey>,
}

#[derive(Default)]
enum Link {
    #[default]
    Up,
    LosesAnswer(usize),
    Lost,
    Down,
}

struct Copy {
    head: Head,
    body: String,
    others: String,
    visits: u32,
}

impl Flawed {
    fn failed(&self) -> PortError {
        let kind =
            if self.flaw == Flaw::GivesUp { PortErrorKind::Unauthorized } else { PortErrorKind::TimedOut };
        let detail =
            if self.flaw == Flaw::Tells { format!("no answer to {TOKEN}") } else { "no answer".into() };
        PortError::new("flawed", "publish", kind, detail)
    }

    /// One request, which does what it does and may lose its answer.
    fn request<T>(&self, act: impl FnOnce(&mut Site) -> T) -> Result<T, PortError> {
        let mut site = self.site.lock().unwrap();
        if matches!(site.link, Link::Down) {
            return Err(self.failed());
        }
        let answer = act(&mut site);
        match site.link {
            Link::LosesAnswer(0) => {
                site.link = Link::Lost;
                Err(self.failed())
            }
            Link::LosesAnswer(after) => {
                site.link = Link::LosesAnswer(after - 1);
                Ok(answer)
            }
            Link::Up | Link::Lost => Ok(answer),
            Link::Down => Err(self.failed()),
        }
    }

    /// The subject under which a copy is kept.
    fn place(&self, subject: &Subject) -> Subject {
        let one = || "one-for-all".parse().unwrap();
        match self.flaw {
            Flaw::OneCopyForEachTag => Subject::new(one(), subject.tag.clone()),
            _ => subject.clone(),
        }
    }

    fn look(&self, subject: &Subject) -> Result<Option<Head>, PortError> {
        let place = self.place(subject);
        self.request(|site| site.copies.get(&place).map(|copy| copy.head))
    }

    fn write(&self, publication: &Publication) -> Result<(), PortError> {
        let place = self.place(publication.subject());
        let body: String = publication.body().chars().take(BODY_CHARS).collect();
        self.request(|site| {
            let new = Copy { head: publication.head(), body: body.clone(), others: String::new(), visits: 0 };
            let copy = site.copies.entry(place).or_insert(new);
            copy.visits += 1;
            copy.head = publication.head();
            if self.flaw != Flaw::KeepsTheFirstText {
                copy.body = body;
            }
            if self.flaw == Flaw::WritesOverOthers {
                copy.others.clear();
            }
        })
    }

    fn put(
        &self,
        release: &ReleaseId,
        note: &Note,
        of: fn(&mut Site) -> &mut Vec<(ReleaseId, PartKey, Note)>,
    ) -> Result<(), PortError> {
        let is = |(there, key, _): &(ReleaseId, PartKey, Note)| there == release && *key == note.key;
        let there = match self.flaw {
            Flaw::CommentsAnew => false,
            Flaw::TrustsItsMemory => self.site.lock().unwrap().remembered.contains(&note.key),
            _ => self.request(|site| of(site).iter().any(is))?,
        };
        self.request(|site| {
            let notes = of(site);
            match notes.iter_mut().find(|one| there && is(one)) {
                Some((_, _, old)) => *old = note.clone(),
                None => notes.push((release.clone(), note.key.clone(), note.clone())),
            }
        })?;
        self.site.lock().unwrap().remembered.insert(note.key.clone());
        Ok(())
    }

    fn text(&self, note: &Note) -> String {
        let head =
            if self.flaw == Flaw::NotesWithoutHeads { String::new() } else { note.head.digest.to_string() };
        format!("{}\n{}\n{head}", note.title, note.body)
    }
}

#[async_trait]
impl Tracker for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { "" } else { "flawed" }
    }

    fn capabilities(&self) -> TrackerCapabilities {
        TrackerCapabilities::new(BODY_CHARS)
            .with_notes(Placement::OfItsOwn)
            .with_post_mortems(Placement::OfItsOwn)
            .with_phases(Placement::OfItsOwn)
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, PortError> {
        let subject = publication.subject();
        let published = |head| Ok(Published::new(format!("https://tracker/{}", subject.release), head));
        let there = match (self.flaw, self.look(subject)) {
            (Flaw::SilenceIsPublished, Err(_)) => return published(publication.head()),
            (_, there) => there?,
        };
        if let Some(head) =
            there.filter(|head| head.seq > publication.head().seq && self.flaw != Flaw::GoesBack)
        {
            return published(head);
        }
        if self.flaw == Flaw::RefusesLongTexts && publication.body().chars().count() > BODY_CHARS {
            return Err(PortError::new("flawed", "publish", PortErrorKind::Rejected, "it is too long"));
        }
        self.write(publication)?;
        let release = &subject.release;
        for note in publication.notes() {
            self.put(release, note, |site| &mut site.notes)?;
        }
        for note in publication.post_mortems() {
            self.put(release, note, |site| &mut site.post_mortems)?;
        }
        for phase in publication.phases() {
            let text = format!("{}: {:?}, {}", phase.key, phase.state, phase.summary);
            self.request(|site| site.phases.insert((release.clone(), phase.key.clone()), text))?;
        }
        if self.flaw == Flaw::TakesFilesAway {
            self.request(|site| site.assets.clear())?;
        }
        let files = if self.flaw == Flaw::ForgetsTheSecondFile { 1 } else { usize::MAX };
        for asset in publication.assets().iter().take(files) {
            let name = format!("{release}.{}", asset.name);
            self.request(|site| site.assets.insert(name, asset.bytes.clone()))?;
        }
        published(publication.head())
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        let found = match (self.flaw, self.look(subject)) {
            (Flaw::SilenceIsNone, Err(_)) => None,
            (Flaw::FindsTheTag, found) => {
                let of_tag = |site: &mut Site| {
                    site.copies.iter().find(|(there, _)| there.tag == subject.tag).map(|(_, copy)| copy.head)
                };
                found?;
                self.request(of_tag)?
            }
            (Flaw::FindsWithoutReading, found) => found?.map(|head| Head { seq: head.seq + 1, ..head }),
            (_, found) => found?,
        };
        Ok(found.map(|head| Published::new(format!("https://tracker/{}", subject.release), head)))
    }
}

#[async_trait]
impl TrackerFixture for Flawed {
    fn tracker(&self) -> &dyn Tracker {
        self
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    async fn shown(&self) -> Able<Shown> {
        let site = self.site.lock().unwrap();
        let copy = |copy: &Copy| {
            let visits = if self.flaw == Flaw::CountsItsVisits { copy.visits } else { 0 };
            format!("{}\n{}\n{visits}\n{}", copy.body, copy.head.digest, copy.others)
        };
        let texts =
            |notes: &[(ReleaseId, PartKey, Note)]| notes.iter().map(|(_, _, note)| self.text(note)).collect();
        Ok(Shown {
            copies: site.copies.values().map(copy).collect(),
            notes: texts(&site.notes),
            post_mortems: texts(&site.post_mortems),
            phases: site.phases.values().cloned().collect(),
            assets: site.assets.clone().into_iter().collect(),
        })
    }

    async fn write_beside(&self, subject: &Subject, text: &str) -> Able<()> {
        let place = self.place(subject);
        if let Some(copy) = self.site.lock().unwrap().copies.get_mut(&place) {
            copy.others.push_str(text);
        }
        Ok(())
    }

    async fn lose_answer(&self, after: usize) -> Able<()> {
        self.site.lock().unwrap().link = Link::LosesAnswer(after);
        Ok(())
    }

    async fn has_lost(&self) -> Able<bool> {
        let mut site = self.site.lock().unwrap();
        Ok(matches!(std::mem::take(&mut site.link), Link::Lost))
    }

    async fn cut_off(&self) -> Able<()> {
        self.site.lock().unwrap().link = Link::Down;
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed { flaw, site: Mutex::default() }).await
}

#[tokio::test]
async fn each_check_of_a_tracker_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        (
            "what_is_published_is_found",
            Flaw::FindsWithoutReading,
            &["releases_of_one_tag_are_kept_apart", "a_long_body_is_cut_and_not_refused"],
        ),
        ("what_is_not_published_is_not_found", Flaw::FindsTheTag, &["releases_of_one_tag_are_kept_apart"]),
        (
            "all_of_it_is_there",
            Flaw::ForgetsTheSecondFile,
            &[
                "there_is_one_of_each",
                "what_is_published_is_brought_up_to_date",
                "what_is_left_out_stays",
                "releases_of_one_tag_are_kept_apart",
            ],
        ),
        (
            "there_is_one_of_each",
            Flaw::CommentsAnew,
            &["the_same_again_changes_nothing", "a_lost_answer_makes_no_second_one"],
        ),
        ("the_same_again_changes_nothing", Flaw::CountsItsVisits, &[]),
        ("what_is_published_is_brought_up_to_date", Flaw::KeepsTheFirstText, &["there_is_one_of_each"]),
        ("it_never_goes_back", Flaw::GoesBack, &[]),
        ("every_part_names_its_head", Flaw::NotesWithoutHeads, &[]),
        ("what_is_left_out_stays", Flaw::TakesFilesAway, &["releases_of_one_tag_are_kept_apart"]),
        (
            "releases_of_one_tag_are_kept_apart",
            Flaw::OneCopyForEachTag,
            &["what_is_not_published_is_not_found"],
        ),
        ("a_lost_answer_makes_no_second_one", Flaw::TrustsItsMemory, &[]),
        ("what_others_wrote_stays", Flaw::WritesOverOthers, &[]),
        ("a_long_body_is_cut_and_not_refused", Flaw::RefusesLongTexts, &[]),
        ("what_is_not_published_is_an_error", Flaw::SilenceIsPublished, &[]),
        ("not_knowing_is_an_error", Flaw::SilenceIsNone, &[]),
        ("what_was_cut_off_may_be_tried_again", Flaw::GivesUp, &["a_lost_answer_makes_no_second_one"]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::Tracker, &report(Flaw::None).await, &exposed);
}
