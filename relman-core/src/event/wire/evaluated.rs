use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use super::{
    answer::{ArmAnswer, Real},
    plain::Plain,
};
use crate::{
    chain::Digest,
    event::{Evaluated, ObservedExposure, PlatformSeen, verdicts::VerdictsAs},
    judge::{Arm, Observation, Verdict},
    unit::{MetricName, Span, Text, Timestamp, TrafficShare, Window},
};

/// The data of `evaluated`, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    step: u32,
    window: (Timestamp, Timestamp),
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    exposure_bp: Option<TrafficShare>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    exposure_unknown: Option<Text>,
    /// Who answered, as far as an entry says nothing else; none where nobody did.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// What the platform says beyond the share, where it is not as it should be.
    #[serde(default, skip_serializing_if = "PlatformSeen::is_empty")]
    platform: PlatformSeen,
    metrics: Vec<Entry>,
    credit_ms: Span,
    /// Whether the exposure was not the step's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disregarded: bool,
    verdicts: Verdicts,
}

/// What one source answered about a metric: of both arms, where everything but the numbers is the same.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    metric: MetricName,
    /// Who answered, where that is another than the evaluation's.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The time that the answer is about, where that is another than the evaluation's.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    window: Option<(Timestamp, Timestamp)>,
    /// The bounds of the buckets that the arms count.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    bounds: Option<Vec<Real>>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    canary: Option<ArmAnswer>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    baseline: Option<ArmAnswer>,
}

/// The verdicts in full, or the hash of what they would be in full.
enum Verdicts {
    InFull(Vec<Verdict>),
    Digest(Digest),
}

impl Entry {
    fn of(seen: &Observation, of_the_look: Window, source: &str) -> Self {
        let (answer, bounds) = ArmAnswer::of(&seen.answer);
        let (canary, baseline) = match seen.arm {
            Arm::Canary => (Some(answer), None),
            Arm::Baseline => (None, Some(answer)),
        };
        let window = (seen.window != of_the_look).then_some((seen.window.from, seen.window.until));
        let source = (seen.source != source).then(|| seen.source.clone());
        Self { metric: seen.metric.clone(), source, window, bounds, canary, baseline }
    }

    /// Takes the other arm in, where everything else is the same; gives it back where it is not.
    fn join(&mut self, next: Self) -> Option<Self> {
        let is_next = self.baseline.is_none() && next.canary.is_none();
        let same = self.metric == next.metric && self.source == next.source && self.window == next.window;
        // Counts mean something else where there are bounds; what has a name does not.
        let counts = |entry: &Self| entry.canary.iter().chain(&entry.baseline).any(ArmAnswer::is_counts);
        let alike = self.bounds == next.bounds || !counts(self) || !counts(&next);
        if !(is_next && same && alike) {
            return Some(next);
        }
        self.bounds = self.bounds.take().or(next.bounds);
        self.baseline = next.baseline;
        None
    }

    /// Reads an entry as relman writes it.
    fn plain(text: &mut Plain<'_>) -> Option<Self> {
        text.expect("{\"metric\":")?;
        let metric = text.string()?.parse().ok()?;
        let source = if text.has(",\"source\":") { Some(text.string()?.to_owned()) } else { None };
        let window = if text.has(",\"window\":") { Some(text.window()?) } else { None };
        let bounds = if text.has(",\"bounds\":") { Some(Real::plain_bounds(text)?) } else { None };
        let canary = if text.has(",\"canary\":") { Some(ArmAnswer::plain(text)?) } else { None };
        let baseline = if text.has(",\"baseline\":") { Some(ArmAnswer::plain(text)?) } else { None };
        text.expect("}")?;
        Some(Self { metric, source, window, bounds, canary, baseline })
    }

    /// Adds what the entry says of each arm.
    fn observe<E: de::Error>(
        self,
        of_the_look: Window,
        by: Option<&str>,
        observations: &mut Vec<Observation>,
    ) -> Result<(), E> {
        let Self { metric, source, window, bounds, canary, baseline } = self;
        let source = source.or_else(|| by.map(str::to_owned)).ok_or_else(|| E::missing_field("source"))?;
        let window = window.map_or(of_the_look, |(from, until)| Window { from, until });
        let observation = |arm, answer: ArmAnswer, metric: MetricName, source| {
            let answer = answer
                .read(bounds.as_deref())
                .map_err(|why| E::custom(format_args!("the {arm} of {metric}: {why}")))?;
            Ok(Observation { metric, arm, window, source, answer })
        };
        match (canary, baseline) {
            (Some(canary), Some(baseline)) => {
                observations.push(observation(Arm::Canary, canary, metric.clone(), source.clone())?);
                observations.push(observation(Arm::Baseline, baseline, metric, source)?);
            }
            (Some(canary), None) => observations.push(observation(Arm::Canary, canary, metric, source)?),
            (None, Some(baseline)) => {
                observations.push(observation(Arm::Baseline, baseline, metric, source)?);
            }
            (None, None) => {
                return Err(E::custom(format_args!("neither the canary nor the baseline of {metric}")));
            }
        }
        Ok(())
    }
}

impl Fields {
    /// Reads the data of most evaluations as relman writes them; none where anything is unusual.
    fn plain(data: &str) -> Option<Self> {
        let text = &mut Plain::new(data);
        text.expect("{\"step\":")?;
        let step = text.integer()?.try_into().ok()?;
        text.expect(",\"window\":")?;
        let window = text.window()?;
        text.expect(",\"exposure_bp\":")?;
        let exposure_bp = TrafficShare::try_from(u16::try_from(text.integer()?).ok()?).ok()?;
        let source = if text.has(",\"source\":") { Some(text.string()?.to_owned()) } else { None };
        text.expect(",\"metrics\":[")?;
        let mut metrics = Vec::with_capacity(4);
        if !text.has("]") {
            metrics.push(Entry::plain(text)?);
            while text.has(",") {
                metrics.push(Entry::plain(text)?);
            }
            text.expect("]")?;
        }
        text.expect(",\"credit_ms\":")?;
        let credit_ms = Span::from_millis(text.integer()?);
        text.expect(",\"verdicts\":")?;
        let verdicts = Verdicts::Digest(text.string()?.parse().ok()?);
        text.expect("}")?;
        text.is_at_the_end().then_some(Self {
            step,
            window,
            exposure_bp: Some(exposure_bp),
            exposure_unknown: None,
            source,
            platform: PlatformSeen::default(),
            metrics,
            credit_ms,
            disregarded: false,
            verdicts,
        })
    }

    fn read<E: de::Error>(self) -> Result<Evaluated, E> {
        let Self { step, window, exposure_bp, exposure_unknown, source, metrics, .. } = self;
        let window = Window { from: window.0, until: window.1 };
        let exposure = match (exposure_bp, exposure_unknown) {
            (Some(share_bp), None) => ObservedExposure::Seen { share_bp },
            (None, Some(detail)) => ObservedExposure::Unknown { detail },
            (Some(_), Some(_)) => return Err(E::custom("the exposure is both known and unknown")),
            (None, None) => return Err(E::missing_field("exposure_bp")),
        };
        let mut observations = Vec::with_capacity(2 * metrics.len());
        for metric in metrics {
            metric.observe(window, source.as_deref(), &mut observations)?;
        }
        let (verdicts, recorded) = match self.verdicts {
            Verdicts::InFull(verdicts) => (verdicts, VerdictsAs::InFull),
            Verdicts::Digest(digest) => (Vec::new(), VerdictsAs::Digest(digest)),
        };
        Ok(Evaluated {
            step,
            window,
            exposure,
            observations,
            verdicts,
            credit: self.credit_ms,
            platform: self.platform,
            disregarded: self.disregarded,
            recorded,
        })
    }
}

impl Evaluated {
    /// Reads data as relman writes most of them, without a parser; none for others, which the parser reads, or refuses.
    pub(in crate::event) fn plain(data: &str) -> Option<Self> {
        Fields::plain(data)?.read::<de::value::Error>().ok()
    }
}

impl Serialize for Evaluated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self.observations.first().map(|seen| seen.source.as_str());
        let mut metrics: Vec<Entry> = Vec::with_capacity(self.observations.len());
        for seen in &self.observations {
            let next = Entry::of(seen, self.window, source.unwrap_or_default());
            let apart = match metrics.last_mut() {
                Some(last) => last.join(next),
                None => Some(next),
            };
            metrics.extend(apart);
        }
        let (exposure_bp, exposure_unknown) = match &self.exposure {
            ObservedExposure::Seen { share_bp } => (Some(*share_bp), None),
            ObservedExposure::Unknown { detail } => (None, Some(detail.clone())),
        };
        let verdicts = match self.recorded {
            VerdictsAs::InFull => Verdicts::InFull(self.verdicts.clone()),
            VerdictsAs::Digest(digest) => Verdicts::Digest(digest),
        };
        let window = (self.window.from, self.window.until);
        Fields {
            step: self.step,
            window,
            exposure_bp,
            exposure_unknown,
            source: source.map(str::to_owned),
            platform: self.platform.clone(),
            metrics,
            credit_ms: self.credit,
            disregarded: self.disregarded,
            verdicts,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Evaluated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::deserialize(deserializer)?.read()
    }
}

impl Serialize for Verdicts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::InFull(verdicts) => verdicts.serialize(serializer),
            Self::Digest(digest) => digest.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Verdicts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Verdicts;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("verdicts in full, or their hash")
            }

            fn visit_str<E: de::Error>(self, digest: &str) -> Result<Verdicts, E> {
                digest.parse().map(Verdicts::Digest).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, verdicts: A) -> Result<Verdicts, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(verdicts)).map(Verdicts::InFull)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
#[path = "evaluated_tests.rs"]
mod tests;
