//! Every release: where it is, what it waits for, whose turn it is.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use relman_core::{
    machine::{PhaseName, Turn},
    plan::ReleaseKind,
    report::Summary,
};
use serde::{Deserialize, Serialize};

use super::{
    front::Front,
    library::{List, Listed},
    page::{Shell, html},
    visit::Visit,
};

/// So many releases stand on a page.
const ON_A_PAGE: usize = 100;

/// How long a page waits for what is new: afterwards it shows what there is, and renews itself when more is read.
const PATIENCE: Duration = Duration::from_millis(60);

/// What somebody wants to see, as the address has it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    phase: String,
    #[serde(default)]
    turn: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    page: Option<usize>,
}

/// One entry of a filter, with how many releases it would show.
struct Choice {
    value: String,
    label: String,
    count: usize,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "web/overview.html")]
struct Overview<'a> {
    shell: Shell<'a>,
    filter: &'a Filter,
    phases: Vec<Choice>,
    turns: Vec<Choice>,
    kinds: Vec<Choice>,
    rows: Vec<&'a Listed>,
    shown_says: String,
    pending: usize,
    problem: Option<String>,
    version: u64,
    page: usize,
    pages: usize,
    before: Option<String>,
    after: Option<String>,
}

/// `GET /`.
pub(super) async fn overview(
    State(front): State<Arc<Front>>,
    visit: Visit,
    Query(filter): Query<Filter>,
) -> Response {
    // The reading goes on where it takes longer, because the process has just started.
    let reading = tokio::spawn({
        let front = front.clone();
        async move { front.library.refresh().await }
    });
    drop(tokio::time::timeout(PATIENCE, reading).await);
    let list = front.library.list(front.clock.now());
    html(&Overview::of(&visit, &filter, &list))
}

impl<'a> Overview<'a> {
    fn of(visit: &'a Visit, filter: &'a Filter, list: &'a List) -> Self {
        let mut rows: Vec<&Listed> = list.releases.iter().filter(|one| filter.shows(one)).collect();
        // What people can do something about comes first, then what has changed last.
        rows.sort_by_key(|one| match one {
            Listed::Broken(..) => (0, i64::MIN),
            Listed::Told(summary) => (rank(summary), -summary.last.at.as_millis()),
        });
        let shown = rows.len();
        let pages = shown.div_ceil(ON_A_PAGE).max(1);
        let page = filter.page.unwrap_or(1).clamp(1, pages);
        let rows = rows.into_iter().skip((page - 1) * ON_A_PAGE).take(ON_A_PAGE).collect();
        let told: Vec<&Summary> = list
            .releases
            .iter()
            .filter_map(|one| match one {
                Listed::Told(summary) => Some(&**summary),
                Listed::Broken(..) => None,
            })
            .collect();
        Self {
            shell: Shell::of(visit),
            filter,
            phases: choices(
                &told,
                &filter.phase,
                PhaseName::ALL.iter().skip(1).map(|phase| (phase_value(*phase), phase.to_string())),
                |one| Some(phase_value(one.phase)),
            ),
            turns: choices(
                &told,
                &filter.turn,
                [Turn::Person, Turn::Relman, Turn::World]
                    .map(|turn| (turn_value(turn).to_owned(), turn.to_string())),
                |one| one.turn().map(|turn| turn_value(turn).to_owned()),
            ),
            kinds: choices(
                &told,
                &filter.kind,
                [
                    ("production".to_owned(), "production".to_owned()),
                    ("drill".to_owned(), "drills".to_owned()),
                ],
                |one| Some(kind_value(one.kind).to_owned()),
            ),
            shown_says: match (shown, list.releases.len()) {
                (0, 0) => "There are no releases in the journal.".to_owned(),
                (shown, all) if shown == all => format!("{all} releases"),
                (shown, all) => format!("{shown} of {all} releases"),
            },
            rows,
            pending: list.pending,
            problem: list.problem.as_ref().map(|problem| format!("The journal can't be listed: {problem}")),
            version: list.version,
            page,
            pages,
            before: (page > 1).then(|| filter.at_page(page - 1)),
            after: (page < pages).then(|| filter.at_page(page + 1)),
        }
    }
}

/// What comes first: what goes wrong, what waits for a person, what is under way, what is over.
fn rank(summary: &Summary) -> u8 {
    let urgent = summary.phase == PhaseName::RollingBack || !summary.holds.is_empty() || summary.uncovered;
    match summary.turn() {
        _ if urgent => 1,
        Some(Turn::Person) if !summary.phase.is_end() => 2,
        Some(Turn::Relman | Turn::World) if !summary.phase.is_end() => 3,
        Some(_) => 4,
        None => 5,
    }
}

fn choices(
    told: &[&Summary],
    chosen: &str,
    all: impl IntoIterator<Item = (String, String)>,
    value: impl Fn(&Summary) -> Option<String>,
) -> Vec<Choice> {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for one in told.iter().filter_map(|one| value(one)) {
        *counts.entry(one).or_default() += 1;
    }
    let choice = |(value, label): (String, String)| Choice {
        count: counts.get(&value).copied().unwrap_or(0),
        chosen: value == chosen,
        value,
        label,
    };
    all.into_iter().map(choice).collect()
}

fn phase_value(phase: PhaseName) -> String {
    phase.to_string().replace(' ', "-")
}

fn turn_value(turn: Turn) -> &'static str {
    match turn {
        Turn::Person => "person",
        Turn::Relman => "relman",
        Turn::World => "platform",
    }
}

fn kind_value(kind: Option<ReleaseKind>) -> &'static str {
    match kind {
        Some(ReleaseKind::Drill) => "drill",
        Some(ReleaseKind::Production) | None => "production",
    }
}

impl Filter {
    fn shows(&self, one: &Listed) -> bool {
        match one {
            // What can't be trusted is never filtered away.
            Listed::Broken(..) => true,
            Listed::Told(summary) => {
                (self.phase.is_empty() || phase_value(summary.phase) == self.phase)
                    && (self.kind.is_empty() || kind_value(summary.kind) == self.kind)
                    && (self.turn.is_empty() || summary.turn().map(turn_value) == Some(self.turn.as_str()))
                    && self.finds(summary)
            }
        }
    }

    fn finds(&self, summary: &Summary) -> bool {
        if self.q.trim().is_empty() {
            return true;
        }
        let wanted = self.q.trim().to_lowercase();
        let title = summary.title.as_ref().map(ToString::to_string).unwrap_or_default();
        let service = summary.service.as_ref().map(ToString::to_string).unwrap_or_default();
        [summary.release.as_str(), &title, &service].iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// The part of an address after the question mark, for another page of the same filter.
    fn at_page(&self, page: usize) -> String {
        let Self { q, phase, turn, kind, .. } = self;
        let encode = |text: &str| {
            text.bytes().fold(String::new(), |mut encoded, byte| {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
                    encoded.push(char::from(byte));
                } else {
                    // Writing to a string does not fail.
                    let _ = std::fmt::Write::write_fmt(&mut encoded, format_args!("%{byte:02X}"));
                }
                encoded
            })
        };
        format!(
            "q={}&phase={}&turn={}&kind={}&page={page}",
            encode(q),
            encode(phase),
            encode(turn),
            encode(kind)
        )
    }
}
