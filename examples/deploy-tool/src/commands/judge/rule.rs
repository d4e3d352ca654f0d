//! What was asked for, as a rule that can judge: methods with their numbers, and which of them fit which criterion.

use relman_core::{
    judge::{
        FastAlarm, Judging, Measurement, MethodChoice,
        evidence::Alpha,
        familiar::{ArgoLimits, Rule as Failed},
        kayenta::MannWhitneyRule,
    },
    plan::{Comparator, Criterion, Quantity, Threshold, Unit},
};

use super::lines::Arms;
use crate::{
    cli::judge::{FastRule, Judge, Method},
    failure::Failure,
};

/// A criterion and how it is judged.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) criterion: Criterion,
    pub(super) method: Method,
    pub(super) rule: Rule,
    pub(super) judging: Judging,
    pub(super) min_requests: u64,
    pub(super) exclude: Option<f64>,
}

/// A method with its numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// By the judge of a release, with the channels that count.
    Release(Channels),
    /// The value of the last so many intervals.
    Window { looks: u32 },
    /// Argo Rollouts' analysis.
    Argo(ArgoLimits),
    /// One test at the end.
    MannWhitney(MannWhitneyRule),
}

/// Which channels count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Both,
    Fast,
    Robust,
    /// The method has none.
    None,
}

impl Asked {
    /// What the command line asks for.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where a number is missing, belongs to another method, or the method can't judge the criterion.
    pub(super) fn of(asked: &Judge) -> Result<Self, Failure> {
        stray(asked)?;
        let familiar = &asked.familiar;
        let missing = |option: &str, meaning: &str| {
            let method = name(asked.method);
            Failure::usage(format_args!("the method {method} needs {option}: {meaning}"))
        };
        let failed = || familiar.failed.ok_or_else(|| missing("--failed N", "how many are too many"));
        let looks = || familiar.looks.ok_or_else(|| missing("--looks N", "among how many of the last"));
        let by = |channels, choice| (Rule::Release(channels), choice);
        let (rule, choice) = match asked.method {
            Method::Evidence => by(Channels::Both, MethodChoice::Evidence),
            Method::Fast => by(Channels::Fast, MethodChoice::Evidence),
            Method::Robust => by(Channels::Robust, MethodChoice::Evidence),
            Method::Threshold => match familiar.looks {
                Some(looks) => (Rule::Window { looks }, MethodChoice::Threshold),
                None => by(Channels::None, MethodChoice::Threshold),
            },
            Method::InARow => {
                by(Channels::None, MethodChoice::FailedLooks(Failed::InARow { failed: failed()? }))
            }
            Method::OfTheLast => {
                let (failed, looks) = (failed()?, looks()?);
                if failed > looks {
                    let problem =
                        format!("{failed} of the last {looks} can't fail; --failed is at most --looks");
                    return Err(Failure::Usage(problem));
                }
                by(Channels::None, MethodChoice::FailedLooks(Failed::OfTheLast { failed, looks }))
            }
            Method::Total => {
                by(Channels::None, MethodChoice::FailedLooks(Failed::InAll { failed: failed()? }))
            }
            Method::Argo => (Rule::Argo(argo(asked)), MethodChoice::Threshold),
            Method::MannWhitney => {
                let usual = MannWhitneyRule::default();
                let confidence = familiar.confidence.unwrap_or(usual.confidence);
                let tolerance = familiar.tolerance.unwrap_or(usual.tolerance);
                let rule = MannWhitneyRule { confidence, tolerance, ..usual };
                (Rule::MannWhitney(rule), MethodChoice::Threshold)
            }
        };
        let tuning = &asked.tuning;
        let usual = if asked.method == Method::Argo { 1 } else { 100 };
        Ok(Self {
            criterion: asked.criterion.clone(),
            method: asked.method,
            rule,
            judging: Judging {
                alpha: tuning.alpha,
                start_weights: tuning.start_weights.scheme(),
                fast_alarm: match tuning.fast_alarm {
                    FastRule::Hold => FastAlarm::Hold,
                    FastRule::RollBack => FastAlarm::RollBack,
                },
                ..Judging::by(choice)
            },
            min_requests: tuning.min_requests.unwrap_or(usual),
            exclude: tuning.exclude,
        })
    }

    pub(super) fn alpha(&self) -> Alpha {
        self.judging.alpha
    }

    /// Which arms the criterion needs by its method.
    pub(super) fn arms(&self) -> Arms {
        match (self.rule, self.criterion.threshold) {
            (Rule::MannWhitney(_), _) => Arms::Either,
            (_, Threshold::Limit(_)) => Arms::Canary,
            (_, Threshold::Baseline { .. }) => Arms::Both,
        }
    }

    /// Why what was measured can't be judged so.
    pub(super) fn cannot(&self, measured: &Measurement) -> Failure {
        let (method, criterion) = (name(self.method), &self.criterion);
        let what = match measured {
            Measurement::Gauge { .. } => "a value that does not count anything",
            Measurement::Events { exposure: 0, .. } => "a count without exposure",
            _ => "this",
        };
        Failure::usage(format_args!(
            "the method {method} can't judge `{criterion}` on {what}: it needs `requests` and `errors` and a limit \
             between 0 and 1 or `x baseline`, a `histogram` and a quantile, or `count` with `exposure` and a rate, each \
             with > or >=; evidence and threshold judge it against a hard limit"
        ))
    }
}

/// The name of a method, as the command line has it.
pub(super) fn name(method: Method) -> String {
    use clap::ValueEnum;
    method.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The limit as a number in the unit of the metric, where a value above it is the breach.
pub(super) fn upper_limit(criterion: &Criterion) -> Option<f64> {
    let Threshold::Limit(Quantity { number, unit }) = criterion.threshold else { return None };
    let limit = match unit {
        Unit::Percent => number.to_f64() / 100.0,
        Unit::Seconds => number.to_f64() * 1_000.0,
        Unit::Milliseconds | Unit::Plain => number.to_f64(),
    };
    matches!(criterion.comparator, Comparator::Above | Comparator::AtLeast).then_some(limit)
}

fn argo(asked: &Judge) -> ArgoLimits {
    let (familiar, usual) = (&asked.familiar, ArgoLimits::default());
    ArgoLimits {
        failure_limit: familiar.failure_limit.unwrap_or(usual.failure_limit),
        inconclusive_limit: familiar.inconclusive_limit.unwrap_or(usual.inconclusive_limit),
        consecutive_error_limit: familiar.consecutive_error_limit.unwrap_or(usual.consecutive_error_limit),
        consecutive_success_limit: familiar
            .consecutive_success_limit
            .unwrap_or(usual.consecutive_success_limit),
        count: None,
    }
}

/// Refuses numbers of another method: whoever gives one believes that it counts.
fn stray(asked: &Judge) -> Result<(), Failure> {
    use Method::{Argo, Evidence, InARow, MannWhitney, OfTheLast, Threshold as Plain, Total};
    let familiar = &asked.familiar;
    let argo: &[Method] = &[Argo];
    let given: [(&str, bool, &[Method]); 8] = [
        ("--failed", familiar.failed.is_some(), &[InARow, OfTheLast, Total]),
        ("--looks", familiar.looks.is_some(), &[Plain, OfTheLast]),
        ("--failure-limit", familiar.failure_limit.is_some(), argo),
        ("--inconclusive-limit", familiar.inconclusive_limit.is_some(), argo),
        ("--consecutive-error-limit", familiar.consecutive_error_limit.is_some(), argo),
        ("--consecutive-success-limit", familiar.consecutive_success_limit.is_some(), argo),
        ("--confidence", familiar.confidence.is_some(), &[MannWhitney]),
        ("--tolerance", familiar.tolerance.is_some(), &[MannWhitney]),
    ];
    for (option, is_given, methods) in given {
        if is_given && !methods.contains(&asked.method) {
            let methods: Vec<String> = methods.iter().copied().map(name).collect();
            return Err(Failure::usage(format_args!(
                "{option} means nothing to the method {}; it belongs to {}",
                name(asked.method),
                methods.join(", ")
            )));
        }
    }
    let excludes = matches!(asked.method, Evidence | Method::Fast | Method::Robust)
        && matches!(asked.criterion.threshold, Threshold::Baseline { .. });
    if asked.tuning.exclude.is_some() && !excludes {
        return Err(Failure::usage(
            "--exclude is about a multiple of the baseline that is judged by evidence; write the criterion as `1x baseline`",
        ));
    }
    Ok(())
}
