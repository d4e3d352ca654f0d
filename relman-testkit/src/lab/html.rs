//! The report as one page, without scripts and without the network.

use askama::Template;

use super::{
    Contestant, Detection, Estimate, Finding, Report, Share, Spread, WorldReport,
    case::percent,
    table::{number, rounded},
};

/// So many policies have a colour and a shape of their own; more begin again.
const STYLES: usize = 6;

impl Report {
    /// The report as an HTML page that stands alone: charts with their axes and intervals, light and dark, readable
    /// on a telephone, without scripts and without anything from the network.
    ///
    /// # Panics
    ///
    /// Never: writing to a string does not fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_testkit::{lab::Lab, sample, world::World};
    ///
    /// let lab = Lab::new(sample::drill_policy()).track("drill".parse()?).against([World::calm()]).trials(5);
    /// let page = lab.run()?.to_html();
    /// assert!(page.starts_with("<!doctype html>") && !page.contains("<script"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_html(&self) -> String {
        Page::of(self).render().expect("writing to a string does not fail")
    }
}

/// What the template shows.
#[derive(Template)]
#[template(path = "lab.html")]
struct Page<'a> {
    report: &'a Report,
    confidence: String,
    legend: Vec<Legend<'a>>,
    sections: Vec<Section>,
    differences: Vec<Row>,
    triggers: Vec<Row>,
}

/// A policy with its mark.
struct Legend<'a> {
    style: usize,
    policy: &'a Contestant,
    steps: String,
    taken_as_there: String,
}

/// Charts about the same worlds.
struct Section {
    title: &'static str,
    about: &'static str,
    charts: Vec<Chart>,
}

/// One figure for each world and policy, on a common axis.
struct Chart {
    title: &'static str,
    about: &'static str,
    axis: &'static str,
    ticks: Vec<Tick>,
    rows: Vec<Marks>,
}

/// A place on an axis, in per cent of its length.
struct Tick {
    at: String,
    label: String,
    anchor: &'static str,
}

/// The marks of one world.
struct Marks {
    world: String,
    marks: Vec<Mark>,
}

/// One figure with its interval, in per cent of the axis.
struct Mark {
    style: usize,
    label: String,
    figure: String,
    /// Where it lies; nothing where there is no figure.
    place: Option<Place>,
}

struct Place {
    value: String,
    low: String,
    high: String,
}

/// A row of a table in words.
struct Row {
    world: String,
    style: usize,
    label: String,
    cells: Vec<String>,
}

/// A figure that is charted.
#[derive(Clone, Copy)]
struct Figure {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

/// How an axis goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// From 0 to 100 per cent.
    Share,
    /// From 0 to a round number above the figures.
    Linear,
    /// In powers of ten around the figures.
    Logarithmic,
}

/// What a chart shows of a finding.
struct Subject {
    title: &'static str,
    about: &'static str,
    axis: &'static str,
    scale: Scale,
    figure: fn(&Finding) -> Option<Figure>,
}

const HEALTHY: [Subject; 2] = [
    Subject {
        title: "Rolled back wrongly",
        about: "The share of healthy releases that the policy turns back all the same. Left is better.",
        axis: "share of releases, per cent",
        scale: Scale::Share,
        figure: |finding| Some(Figure::from(finding.rolled_back)),
    },
    Subject {
        title: "Time to complete",
        about: "From the first exposure to the end of the validation, half of the releases that completed are faster.",
        axis: "median hours",
        scale: Scale::Linear,
        figure: |finding| median(finding.hours_to_complete.as_ref()),
    },
];

const BAD: [Subject; 5] = [
    Subject {
        title: "Detected",
        about: "Of the releases that lived to see the regression show, the share that was rolled back. Right is better.",
        axis: "share of releases, per cent",
        scale: Scale::Share,
        figure: |finding| found(finding).map(|found| Figure::from(found.detected)),
    },
    Subject {
        title: "Time to detect",
        about: "From the moment the regression showed to the breach, half of those that were detected are faster. Left \
                is better.",
        axis: "median minutes, powers of ten",
        scale: Scale::Logarithmic,
        figure: |finding| median(found(finding)?.minutes_to_detect.as_ref()),
    },
    Subject {
        title: "Time to zero traffic",
        about: "From the moment the regression showed until zero traffic was confirmed by observation. Left is better.",
        axis: "median minutes, powers of ten",
        scale: Scale::Logarithmic,
        figure: |finding| median(found(finding)?.minutes_to_zero.as_ref()),
    },
    Subject {
        title: "Requests harmed",
        about: "Failed, or slower than 99 of 100 of a healthy version, beyond what a healthy one does: of every release, \
                detected or not. Left is better.",
        axis: "mean requests a release, powers of ten",
        scale: Scale::Logarithmic,
        figure: |finding| mean(found(finding)?.requests_harmed.as_ref()),
    },
    Subject {
        title: "Users harmed",
        about: "Users who met at least one of those requests. Left is better.",
        axis: "mean users a release, powers of ten",
        scale: Scale::Logarithmic,
        figure: |finding| mean(found(finding)?.users_harmed.as_ref()),
    },
];

fn found(finding: &Finding) -> Option<&Detection> {
    finding.regression.as_ref()
}

fn median(spread: Option<&Spread>) -> Option<Figure> {
    spread.map(|spread| Figure::from(spread.median))
}

fn mean(spread: Option<&Spread>) -> Option<Figure> {
    spread.map(|spread| Figure::from(spread.mean))
}

impl From<Share> for Figure {
    fn from(share: Share) -> Self {
        Self { value: share.value, low: Some(share.low), high: Some(share.high) }
    }
}

impl From<Estimate> for Figure {
    fn from(estimate: Estimate) -> Self {
        Self { value: estimate.value, low: estimate.low, high: estimate.high }
    }
}

impl<'a> Page<'a> {
    fn of(report: &'a Report) -> Self {
        let legend = report.policies.iter().enumerate().map(|(index, policy)| Legend {
            style: index % STYLES,
            policy,
            steps: policy.steps.join(", "),
            taken_as_there: policy.taken_as_there.join(", "),
        });
        let section = |title, about, subjects: &[Subject], wanted: fn(&WorldReport) -> bool| {
            let worlds: Vec<&WorldReport> = report.worlds.iter().filter(|world| wanted(world)).collect();
            let charts = subjects.iter().filter_map(|subject| Chart::of(report, subject, &worlds)).collect();
            Section { title, about, charts }
        };
        let healthy = section(
            "Healthy versions",
            "Nothing is wrong with the new version: each rollback is a mistake that costs a release.",
            &HEALTHY,
            |world| world.kind.is_healthy(),
        );
        let bad = section(
            "Bad versions",
            "Something is wrong with the new version: each minute costs users.",
            &BAD,
            |world| !world.kind.is_healthy(),
        );
        Self {
            report,
            confidence: percent(report.confidence),
            legend: legend.collect(),
            sections: [healthy, bad].into_iter().filter(|section| !section.charts.is_empty()).collect(),
            differences: rows(report, |finding| {
                let difference = finding.beside_the_first.as_ref()?;
                let estimates = [difference.requests_harmed, difference.users_harmed];
                let share = percentage_points(difference.rolled_back);
                Some([share].into_iter().chain(estimates.map(|one| signed(one, number))).collect())
            }),
            triggers: rows(report, |finding| {
                let trigger = |(name, count): (&String, &u64)| format!("{name}: {}", number(*count as f64));
                let triggers: Vec<String> = finding.triggers.iter().map(trigger).collect();
                let nothing = if triggers.is_empty() { "nothing".to_owned() } else { triggers.join(" · ") };
                let unfinished = finding.unfinished.hits;
                let rest = if unfinished > 0 {
                    format!("{} still under way after two weeks", number(unfinished as f64))
                } else {
                    String::new()
                };
                Some(vec![nothing, rest])
            }),
        }
    }
}

/// A row for each world and policy that has something to say.
fn rows(report: &Report, cells: fn(&Finding) -> Option<Vec<String>>) -> Vec<Row> {
    let of_world = |world: &WorldReport| -> Vec<Row> {
        let pairs = report.policies.iter().zip(&world.policies).enumerate();
        let row = |(index, (policy, finding)): (usize, (&Contestant, &Finding))| {
            Some(Row {
                world: world.name.clone(),
                style: index % STYLES,
                label: policy.label.clone(),
                cells: cells(finding)?,
            })
        };
        pairs.filter_map(row).collect()
    };
    report.worlds.iter().flat_map(of_world).collect()
}

fn percentage_points(estimate: Estimate) -> String {
    let points = |part: f64| part * 100.0;
    let scaled = Estimate {
        value: points(estimate.value),
        low: estimate.low.map(points),
        high: estimate.high.map(points),
    };
    signed(scaled, number)
}

/// A difference with its interval; zero has no sign.
fn signed(estimate: Estimate, number: fn(f64) -> String) -> String {
    let one = |value: f64| {
        let text = number(value);
        match text.as_str() {
            "-0" => "0".to_owned(),
            _ if value > 0.0 && text != "0" => format!("+{text}"),
            _ => text.replace('-', "\u{2212}"),
        }
    };
    let end = |end: Option<f64>| end.map_or_else(|| "-".to_owned(), one);
    format!("{} [{}, {}]", one(estimate.value), end(estimate.low), end(estimate.high))
}

impl Chart {
    /// The chart of a subject; nothing where no world has a figure.
    fn of(report: &Report, subject: &Subject, worlds: &[&WorldReport]) -> Option<Self> {
        let figures: Vec<Figure> = worlds
            .iter()
            .flat_map(|world| world.policies.iter().filter_map(|finding| (subject.figure)(finding)))
            .collect();
        let axis = Axis::around(subject.scale, &figures)?;
        let rows = worlds.iter().map(|world| {
            let pairs = report.policies.iter().zip(&world.policies).enumerate();
            let mark = |(index, (policy, finding)): (usize, (&Contestant, &Finding))| {
                let figure = (subject.figure)(finding);
                Mark {
                    style: index % STYLES,
                    label: policy.label.clone(),
                    figure: figure.map_or_else(|| "none".to_owned(), |figure| axis.write(figure)),
                    place: figure.map(|figure| axis.place(figure)),
                }
            };
            Marks { world: world.name.clone(), marks: pairs.map(mark).collect() }
        });
        let (rows, ticks) = (rows.collect(), axis.ticks());
        Some(Self { title: subject.title, about: subject.about, axis: subject.axis, ticks, rows })
    }
}

/// An axis, from one end to the other; in powers of ten if it is logarithmic.
struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis on which all figures have a place.
    fn around(scale: Scale, figures: &[Figure]) -> Option<Self> {
        if figures.is_empty() {
            return None;
        }
        match scale {
            Scale::Share => Some(Self { scale, from: 0.0, to: 1.0 }),
            Scale::Linear => {
                let ends = figures.iter().flat_map(|figure| [Some(figure.value), figure.high]);
                let most = ends.flatten().fold(f64::MIN_POSITIVE, f64::max);
                let step = round_step(most);
                Some(Self { scale, from: 0.0, to: (most / step).ceil() * step })
            }
            Scale::Logarithmic => {
                let ends = figures.iter().flat_map(|figure| [Some(figure.value), figure.low, figure.high]);
                let powers: Vec<f64> = ends.flatten().filter(|end| *end > 0.0).map(libm::log10).collect();
                // An end near zero would stretch the axis without end; it is drawn to the edge.
                let values = figures.iter().map(|figure| figure.value).filter(|value| *value > 0.0);
                let least = values.map(libm::log10).fold(f64::INFINITY, f64::min);
                if !least.is_finite() {
                    return None;
                }
                let from = powers.iter().copied().fold(least, f64::min).max(least - 1.0).floor();
                let to = powers.iter().copied().fold(from + 1.0, f64::max).ceil();
                Some(Self { scale, from, to })
            }
        }
    }

    /// The place of a value, between 0 and 100.
    fn at(&self, value: f64) -> f64 {
        let along = match self.scale {
            Scale::Share | Scale::Linear => value,
            Scale::Logarithmic if value <= 0.0 => self.from,
            Scale::Logarithmic => libm::log10(value),
        };
        ((along - self.from) / (self.to - self.from) * 100.0).clamp(0.0, 100.0)
    }

    fn place(&self, figure: Figure) -> Place {
        let at = |value: f64| format!("{:.2}", self.at(value));
        let end = |end: Option<f64>| at(end.unwrap_or(figure.value));
        Place { value: at(figure.value), low: end(figure.low), high: end(figure.high) }
    }

    fn write(&self, figure: Figure) -> String {
        let one: fn(f64) -> String = match self.scale {
            Scale::Share => rounded,
            Scale::Linear | Scale::Logarithmic => number,
        };
        let end = |end: Option<f64>| end.map_or_else(|| "-".to_owned(), one);
        format!("{} [{}, {}]", one(figure.value), end(figure.low), end(figure.high))
    }

    fn ticks(&self) -> Vec<Tick> {
        let values: Vec<f64> = match self.scale {
            Scale::Share => vec![0.0, 0.25, 0.5, 0.75, 1.0],
            Scale::Linear => {
                let step = round_step(self.to);
                let ticks = (0..=10_u8).map(|index| f64::from(index) * step);
                ticks.take_while(|tick| *tick <= self.to).collect()
            }
            Scale::Logarithmic => {
                let mut powers = vec![self.from];
                // At most six labels, so that they don't run into each other on a telephone.
                let every = ((self.to - self.from) / 5.0).ceil().max(1.0);
                while powers.last().is_some_and(|last| last + every <= self.to) {
                    powers.push(powers.last().copied().unwrap_or(self.from) + every);
                }
                powers.into_iter().map(libm::exp10).collect()
            }
        };
        let label = |value: f64| match self.scale {
            Scale::Share => percent(value),
            Scale::Linear => number(value),
            Scale::Logarithmic if value < 1.0 => format!("{value:.3}").trim_end_matches('0').to_owned(),
            Scale::Logarithmic => number(value.round()),
        };
        let tick = |value: f64| {
            let at = self.at(value);
            let anchor = match () {
                () if at < 5.0 => "start",
                () if at > 95.0 => "end",
                () => "middle",
            };
            Tick { at: format!("{at:.2}"), label: label(value), anchor }
        };
        values.into_iter().map(tick).collect()
    }
}

/// A round number that goes four to ten times into so much.
fn round_step(most: f64) -> f64 {
    let power = libm::exp10(libm::log10(most).floor());
    match most / power {
        part if part < 2.0 => power / 5.0,
        part if part < 5.0 => power / 2.0,
        _ => power,
    }
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
