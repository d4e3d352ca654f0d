use std::{
    fmt::{self, Write},
    sync::Arc,
};

use proptest::{array::uniform4, collection::vec, prelude::*, sample::select, sample::subsequence};
use relman_core::{
    policy::{Policy, TrackUse, floors},
    unit::{Span, TrafficShare},
};

use super::{Shown, shares, simplest::simpler_first, spans};

/// The parts of a track that matter to what users meet.
#[derive(Clone, PartialEq, Eq)]
pub struct TrackSteps {
    /// Share and bake time of each step, from the first; the last is all of the traffic.
    pub steps: Vec<(TrafficShare, Span)>,
    /// The time between two looks.
    pub look_every: Span,
    /// How many requests a verdict rests on at least.
    pub min_requests: u64,
}

impl TrackSteps {
    /// The lines of a policy file that make this track.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::{policy::TrackUse, unit::{Span, TrafficShare}};
    /// use relman_testkit::strategy::TrackSteps;
    ///
    /// let share = TrafficShare::percent;
    /// let steps = [1, 10, 50, 100].map(|percent| (share(percent), Span::from_minutes(5))).into();
    /// let track = TrackSteps { steps, look_every: Span::from_minutes(1), min_requests: 100 };
    /// assert!(track.to_toml("drill", TrackUse::DrillsOnly).starts_with("[tracks.drill]\nhighest_risk = \"high\"\n"));
    /// ```
    pub fn to_toml(&self, name: &str, used_by: TrackUse) -> String {
        let used_by = match used_by {
            TrackUse::Anyone => "everyone",
            TrackUse::DrillsOnly => "drills",
        };
        let mut text = format!(
            "[tracks.{name}]\nhighest_risk = \"high\"\nuse = \"{used_by}\"\nlook_every = \"{}\"\nmin_requests = {}\nsteps = [\n",
            self.look_every, self.min_requests
        );
        let held_back = self.hold_back();
        if !held_back.is_zero() {
            text = text.replace("steps = [", &format!("hold_back = \"{held_back}\"\nsteps = ["));
        }
        for (share, bake) in &self.steps {
            let _ = writeln!(text, "    {{ share = \"{share}\", bake = \"{bake}\" }},");
        }
        text + "]\n"
    }

    /// What the last step leaves on the old version.
    fn hold_back(&self) -> TrafficShare {
        self.steps.last().map_or(TrafficShare::ZERO, |(share, _)| share.rest())
    }
}

impl fmt::Display for TrackSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(|(share, bake)| format!("{share} {bake}")).collect();
        let (look_every, requests) = (self.look_every, self.min_requests);
        write!(f, "{}; a look every {look_every}, verdicts on {requests} requests", steps.join(", "))
    }
}

/// As people read it.
impl fmt::Debug for TrackSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shares of a second step and later ones that people write, in per cent.
const LATER: [u16; 12] = [6, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 99];

/// The shares before all of the traffic: the first at most 5 %, then two to four more. They shrink to 1, 10 and 50 %, or
/// to 10 and 50 % after another first.
fn shares_before_full() -> impl Strategy<Value = Vec<TrafficShare>> + Clone {
    let first = shares(TrafficShare::percent(1)..=floors::MAX_FIRST_SHARE);
    let later = subsequence(&LATER[..], 2..=4);
    let generated = (first, later).prop_map(|(first, later)| {
        [first].into_iter().chain(later.into_iter().map(TrafficShare::percent)).collect::<Vec<_>>()
    });
    simpler_first(generated, |shares: &Vec<TrafficShare>| {
        let usual = [10, 50].map(TrafficShare::percent);
        let first = |first| [first].into_iter().chain(usual).collect::<Vec<_>>();
        let mut firsts = [1, 2, 5].map(TrafficShare::percent).to_vec();
        firsts.retain(|first| *first != shares[0]);
        // Its own first share comes last, but for 1 %, which is as plain as it gets.
        firsts.push(shares[0]);
        firsts.sort_by_key(|first| *first != TrafficShare::percent(1));
        firsts.into_iter().map(first).take_while(|simpler| simpler != shares).collect()
    })
}

/// Tracks of three to five steps before all of the traffic, which keep to the floors: of production, or of drills, whose
/// durations are seconds and minutes. They shrink to 1, 10, 50 and 100 %, a look every minute (every second in a drill)
/// and the shortest round bake times.
pub fn track_steps(used_by: TrackUse) -> impl Strategy<Value = TrackSteps> + Clone {
    let minutes = |minutes: &[u64]| minutes.iter().map(|one| Span::from_minutes(*one)).collect::<Vec<_>>();
    let (looks, bake, validation) = match used_by {
        TrackUse::Anyone => (
            minutes(&[1, 2, 5, 10, 15]),
            floors::MIN_BAKE..=Span::from_hours(8),
            floors::MIN_VALIDATION..=Span::from_hours(48),
        ),
        TrackUse::DrillsOnly => (
            [1, 2, 5, 10].map(Span::from_secs).to_vec(),
            Span::from_secs(5)..=Span::from_minutes(1),
            Span::from_secs(5)..=Span::from_minutes(2),
        ),
    };
    let requests = select(&[100_u64, 1, 10, 1_000][..]);
    let held_back = select(&[0_u16, 0, 0, 1, 5][..]).prop_map(TrafficShare::percent);
    let last = (spans(validation), held_back);
    (shares_before_full(), vec(spans(bake), 5), last, select(looks), requests).prop_map(
        |(shares, bakes, (validation, held_back), look_every, min_requests)| {
            let shortest = look_every.times(floors::MIN_LOOKS);
            let last = held_back.rest();
            let last = if shares.iter().all(|share| *share < last) { last } else { TrafficShare::FULL };
            let before = shares.into_iter().zip(bakes);
            let steps = before.chain([(last, validation)]);
            let steps = steps.map(|(share, bake)| (share, bake.max(shortest))).collect();
            TrackSteps { steps, look_every, min_requests }
        },
    )
}

/// Policies for production, with one generated track for every risk. They shrink to the rules of the shipped policy.
pub fn policy() -> impl Strategy<Value = Shown<Arc<Policy>>> + Clone {
    (track_steps(TrackUse::Anyone), rules()).prop_map(|(track, rules)| {
        let track = track.to_toml("standard", TrackUse::Anyone);
        read(
            "default_track = { low = \"standard\", standard = \"standard\", high = \"standard\" }\n",
            &track,
            &rules,
        )
    })
}

/// Policies with the shipped tracks and a generated track `drill`, whose steps take seconds and minutes: for
/// [`drill_plan`](super::drill_plan).
pub fn drill_policy() -> impl Strategy<Value = Shown<Arc<Policy>>> + Clone {
    (track_steps(TrackUse::DrillsOnly), rules()).prop_map(|(track, rules)| {
        let track = track.to_toml("drill", TrackUse::DrillsOnly);
        read("", &track, &rules)
    })
}

/// The rules of a policy but for its tracks.
#[derive(Debug, Clone)]
struct Rules {
    no_data: [NoData; 4],
    /// For low and standard risk; high risk takes two, and the team has no more approvers.
    approvals: [u32; 2],
    retry_every: Span,
    confirm_every: Span,
    confirmations: u32,
    shift: Span,
    longest_override: Span,
}

#[derive(Debug, Clone, Copy)]
enum NoData {
    Patient(Span),
    ForGood,
    RollBack,
}

fn rules() -> impl Strategy<Value = Rules> + Clone {
    let two_hours = Span::from_hours(2);
    let no_data = prop_oneof![
        4 => Just(NoData::Patient(two_hours)),
        2 => spans(Span::from_secs(10)..=Span::from_hours(12)).prop_map(NoData::Patient),
        1 => Just(NoData::ForGood),
        1 => Just(NoData::RollBack),
    ];
    let seconds =
        |seconds: &[u64]| select(seconds.iter().map(|one| Span::from_secs(*one)).collect::<Vec<_>>());
    let hours = |hours: &[u64]| select(hours.iter().map(|one| Span::from_hours(*one)).collect::<Vec<_>>());
    (
        uniform4(no_data),
        (1..=2_u32, 1..=2_u32),
        (seconds(&[10, 1, 60]), seconds(&[5, 1, 60]), select(&[2_u32, 1, 5][..])),
        hours(&[12, 1, 24]),
        hours(&[24, 1, 72]),
    )
        .prop_map(
            |(no_data, (low, standard), (retry_every, confirm_every, confirmations), shift, longest)| Rules {
                no_data,
                approvals: [low, standard],
                retry_every,
                confirm_every,
                confirmations,
                shift,
                longest_override: longest,
            },
        )
}

impl Rules {
    /// The last parts of a policy file.
    fn to_toml(&self) -> String {
        let mut text = "[no_data]\n".to_owned();
        for (kind, rule) in ["no_data", "stale", "provider_error", "not_finite"].iter().zip(self.no_data) {
            let rule = match rule {
                NoData::Patient(span) => format!("{{ action = \"hold\", roll_back_after = \"{span}\" }}"),
                NoData::ForGood => "{ action = \"hold\" }".to_owned(),
                NoData::RollBack => "{ action = \"roll_back\" }".to_owned(),
            };
            let _ = writeln!(text, "{kind} = {rule}");
        }
        let [low, standard] = self.approvals;
        let _ = write!(
            text,
            "[approvals]\nlow = {low}\nstandard = {standard}\nhigh = 2\n\
             [rollback]\nretry_every = \"{}\"\nconfirm_every = \"{}\"\nconfirmations = {}\n\
             [on_call]\nshift = \"{}\"\nchannel = \"on-call\"\n[override]\nlongest = \"{}\"\n",
            self.retry_every, self.confirm_every, self.confirmations, self.shift, self.longest_override
        );
        text
    }
}

/// The shipped policy with these parts in place of its own.
fn read(default_track: &str, track: &str, rules: &Rules) -> Shown<Arc<Policy>> {
    let shipped = Policy::SHIPPED_TOML;
    let (head, rest) = shipped.split_once("default_track").expect("the shipped policy has default tracks");
    let (usual_default, rest) = rest.split_once('\n').expect("the line ends");
    let (tracks, rest) = rest.split_once("[risk]").expect("the shipped policy has risks");
    let risk_and_gates = rest.split_once("[approvals]").expect("the shipped policy has approvals").0;
    let (_, rest) = rest.split_once("[roles]").expect("the shipped policy has roles");
    let people = rest.split_once("[no_data]").expect("the shipped policy says what to do without data").0;
    let kept = if default_track.is_empty() {
        format!("default_track{usual_default}\n{tracks}")
    } else {
        default_track.to_owned()
    };
    let text = format!("{head}{kept}{track}[risk]{risk_and_gates}[roles]{people}\n{}", rules.to_toml());
    let policy = Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    Shown(Arc::new(policy))
}
