//! The overview: where every release is, what it waits for and whose turn it is.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use relman_core::{
    machine::{PhaseName, Turn},
    plan::ReleaseKind,
    report::{Health, Summary},
};
use serde::{Deserialize, Serialize};

use super::{
    format::health_value,
    release_index::{ListedRelease, Listing},
    response::{Layout, html},
    state::{AppState, RequestContext},
};

/// How many releases a page shows.
const PAGE_SIZE: usize = 100;

/// How long a page waits for what is new. After that it shows what there is, and updates itself once more is read.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(60);

/// The query of the address.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    health: String,
    #[serde(default)]
    phase: String,
    #[serde(default)]
    turn: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    page: Option<usize>,
}

/// One option of a filter, with how many releases match it.
struct Choice {
    value: String,
    label: String,
    count: usize,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "web/overview.html")]
struct Overview<'a> {
    layout: Layout<'a>,
    filter: &'a Filter,
    healths: Vec<Choice>,
    phases: Vec<Choice>,
    turns: Vec<Choice>,
    kinds: Vec<Choice>,
    rows: Vec<&'a ListedRelease>,
    count_label: String,
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
    State(state): State<Arc<AppState>>,
    context: RequestContext,
    Query(filter): Query<Filter>,
) -> Response {
    // Reading continues in the background where it takes longer, as it does after a start.
    let reading = tokio::spawn({
        let state = state.clone();
        async move { state.index.refresh().await }
    });
    drop(tokio::time::timeout(REFRESH_TIMEOUT, reading).await);
    let list = state.index.list(state.clock.now());
    html(&Overview::of(&context, &filter, &list))
}

impl<'a> Overview<'a> {
    fn of(context: &'a RequestContext, filter: &'a Filter, list: &'a Listing) -> Self {
        let mut rows: Vec<&ListedRelease> = list.releases.iter().filter(|one| filter.matches(one)).collect();
        // What needs attention comes first, then what changed last.
        rows.sort_by_key(|one| match one {
            ListedRelease::Broken(..) => (0, i64::MIN),
            ListedRelease::Known(summary) => (rank(summary), -summary.last.at.as_millis()),
        });
        let shown = rows.len();
        let pages = shown.div_ceil(PAGE_SIZE).max(1);
        let page = filter.page.unwrap_or(1).clamp(1, pages);
        let rows = rows.into_iter().skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE).collect();
        let summaries: Vec<&Summary> = list
            .releases
            .iter()
            .filter_map(|one| match one {
                ListedRelease::Known(summary) => Some(&**summary),
                ListedRelease::Broken(..) => None,
            })
            .collect();
        Self {
            layout: Layout::of(context),
            filter,
            healths: choices(
                &summaries,
                &filter.health,
                Health::ALL.iter().map(|health| (health_value(*health), health.to_string())),
                |one| Some(health_value(one.health)),
            ),
            phases: choices(
                &summaries,
                &filter.phase,
                PhaseName::ALL.iter().skip(1).map(|phase| (phase_value(*phase), phase.to_string())),
                |one| Some(phase_value(one.phase)),
            ),
            turns: choices(
                &summaries,
                &filter.turn,
                [Turn::Person, Turn::Relman, Turn::World]
                    .map(|turn| (turn_value(turn).to_owned(), turn.to_string())),
                |one| one.turn().map(|turn| turn_value(turn).to_owned()),
            ),
            kinds: choices(
                &summaries,
                &filter.kind,
                [
                    ("production".to_owned(), "production".to_owned()),
                    ("drill".to_owned(), "drills".to_owned()),
                ],
                |one| Some(kind_value(one.kind).to_owned()),
            ),
            count_label: match (shown, list.releases.len()) {
                (0, 0) => "The journal has no releases.".to_owned(),
                (1, 1) => "1 release".to_owned(),
                (shown, all) if shown == all => format!("{all} releases"),
                (shown, all) => format!("{shown} of {all} releases"),
            },
            rows,
            pending: list.pending,
            problem: list.problem.as_ref().map(|problem| format!("Failed to list the journal: {problem}")),
            version: list.version,
            page,
            pages,
            before: (page > 1).then(|| filter.at_page(page - 1)),
            after: (page < pages).then(|| filter.at_page(page + 1)),
        }
    }
}

/// The order of the list: trouble, what waits for a person, what is under way, what is over.
fn rank(summary: &Summary) -> u8 {
    match (summary.health, summary.turn()) {
        (Health::NobodyDriving | Health::RollingBack | Health::Degraded | Health::WaitingForOnCall, _) => 1,
        (Health::Progressing, _) => 3,
        (Health::Done, Some(_)) => 4,
        (Health::Done, None) => 5,
        // Someone is waited for.
        _ => 2,
    }
}

fn choices(
    summaries: &[&Summary],
    chosen: &str,
    all: impl IntoIterator<Item = (String, String)>,
    value: impl Fn(&Summary) -> Option<String>,
) -> Vec<Choice> {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for one in summaries.iter().filter_map(|one| value(one)) {
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
    fn matches(&self, one: &ListedRelease) -> bool {
        match one {
            // A record that can't be trusted is never filtered out.
            ListedRelease::Broken(..) => true,
            ListedRelease::Known(summary) => {
                (self.health.is_empty() || health_value(summary.health) == self.health)
                    && (self.phase.is_empty() || phase_value(summary.phase) == self.phase)
                    && (self.kind.is_empty() || kind_value(summary.kind) == self.kind)
                    && (self.turn.is_empty() || summary.turn().map(turn_value) == Some(self.turn.as_str()))
                    && self.matches_text(summary)
            }
        }
    }

    fn matches_text(&self, summary: &Summary) -> bool {
        if self.q.trim().is_empty() {
            return true;
        }
        let wanted = self.q.trim().to_lowercase();
        let title = summary.title.as_ref().map(ToString::to_string).unwrap_or_default();
        let service = summary.service.as_ref().map(ToString::to_string).unwrap_or_default();
        [summary.release.as_str(), &title, &service].iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// The query for another page with the same filter.
    fn at_page(&self, page: usize) -> String {
        let Self { q, health, phase, turn, kind, .. } = self;
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
            "q={}&health={}&phase={}&turn={}&kind={}&page={page}",
            encode(q),
            encode(health),
            encode(phase),
            encode(turn),
            encode(kind)
        )
    }
}
