use std::{
    env,
    fmt::{self, Write as _},
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use relman_core::{
    chain::Digest,
    unit::{Span, Timestamp},
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::{Run, Simulation, SimulationError};
use crate::Team;

/// The first line of a trace.
const HEADLINE: &str = "relman trace 1";

/// A run as a text: everything that it was made from, and what came of it.
///
/// The text holds the seed, the plan, the policy, the world with its schedule of failures and the people; then every
/// call to the platform and the hash of every record. The same seed gives the same text on every machine and in every
/// build, byte for byte.
///
/// # Examples
///
/// ```
/// use relman_testkit::{Team, Simulation, Trace, sample, world::{fault::Fault, World}};
///
/// let world = World::calm().with(Fault::lost_answers(2));
/// let drill = Simulation::new(sample::drill_plan(), sample::drill_policy()).world(world).seed(7);
/// let text = Trace::of(&drill, &Team::new()).to_string();
/// let run = text.parse::<Trace>()?.replay()?;
/// assert_eq!(run.count("traffic_set"), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trace {
    simulation: Simulation,
    people: Team,
    /// What came of it, line by line.
    outcome: String,
}

/// Why a trace can't be read, or is not what happens.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The text is no trace.
    #[error("failed to read the trace, line {line}: {problem}")]
    Text {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// The file can't be read or written.
    #[error("failed to use the trace {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something else happens than the trace says.
    #[error("failed to replay the trace: it says `{said}`, and what happens is `{is}`")]
    Differs {
        /// The first line of the outcome that differs, as the trace has it.
        said: String,
        /// The same line as it is now.
        is: String,
    },
    /// The run ends as the trace says: it can't go on.
    #[error(transparent)]
    Stuck(#[from] SimulationError),
}

impl Trace {
    /// Runs a simulation and writes down what comes of it.
    pub fn of(simulation: &Simulation, people: &Team) -> Self {
        let outcome = describe(&simulation.run(people.clone()));
        Self { simulation: simulation.clone(), people: people.clone(), outcome }
    }

    /// Runs what the trace was made from once more, and holds it against what the trace says, byte for byte.
    ///
    /// # Errors
    ///
    /// [`TraceError::Differs`] with the first line that differs; [`TraceError::Stuck`] where the run could not go on,
    /// as the trace says.
    pub fn replay(&self) -> Result<Run, TraceError> {
        let run = self.simulation.run(self.people.clone());
        let outcome = describe(&run);
        if outcome != self.outcome {
            let mut pairs = Lines(&self.outcome).zip_longest(&outcome);
            let (said, is) = pairs.find(|(said, is)| said != is).unwrap_or_default();
            return Err(TraceError::Differs { said: said.to_owned(), is: is.to_owned() });
        }
        Ok(run?)
    }

    /// The hash of the whole text.
    pub fn digest(&self) -> Digest {
        Digest::of_line(self.to_string().as_bytes())
    }

    /// The simulation that the trace is of.
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`TraceError`] where it can't be read or is no trace.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)
            .map_err(|source| TraceError::File { path: path.display().to_string(), source })?;
        text.parse()
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// [`TraceError::File`] where it can't be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), TraceError> {
        let path = path.as_ref();
        fs::write(path, self.to_string())
            .map_err(|source| TraceError::File { path: path.display().to_string(), source })
    }

    /// Writes a file of its own into the directory that `RELMAN_TRACES` names, or that for temporary files; returns
    /// where it is.
    pub(super) fn keep(&self) -> Result<PathBuf, TraceError> {
        let directory = env::var_os("RELMAN_TRACES").map_or_else(env::temp_dir, PathBuf::from);
        let digest = self.digest().to_string();
        let name = format!(
            "relman-{}-seed-{}-{}.trace",
            self.simulation.plan.release(),
            self.simulation.seed,
            &digest[..8]
        );
        let path = directory.join(name);
        self.write(&path)?;
        Ok(path)
    }
}

/// What came of a run.
fn describe(run: &Result<Run, SimulationError>) -> String {
    let mut text = String::new();
    let written = match run {
        Err(error) => writeln!(text, "stuck: {error}"),
        Ok(run) => describe_run(run, &mut text),
    };
    written.expect("a text in memory can be written");
    text
}

fn describe_run(run: &Run, text: &mut String) -> fmt::Result {
    for happening in &run.happened {
        writeln!(text, "happened: {happening}")?;
    }
    for record in &run.records {
        let (seq, digest, at, kind) = (record.seq, record.digest, record.at, record.event.kind());
        writeln!(text, "recorded: {seq} {digest} {at} {kind} by {}", record.by)?;
    }
    for told in &run.sent {
        writeln!(text, "told: {} {:?}", told.key, told.title)?;
    }
    for refused in &run.refused {
        writeln!(text, "refused: {} {}: {}", refused.at, refused.by, refused.refusal)?;
    }
    let ending = format!("{:?}", run.ending).to_lowercase();
    writeln!(text, "ended: {} {ending} {}", run.ended_at, run.release.phase().name())
}

/// The lines of two texts side by side; an empty one where a text has no more.
struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    fn zip_longest(self, other: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let count = self.0.lines().count().max(other.lines().count());
        let padded = |text: &'a str| text.lines().chain(std::iter::repeat("")).take(count);
        padded(self.0).zip(padded(other))
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Simulation { plan, policy, world, seed, start, longest, flaw } = &self.simulation;
        writeln!(f, "{HEADLINE}")?;
        writeln!(f, "seed: {seed}")?;
        writeln!(f, "start: {start}")?;
        writeln!(f, "longest: {longest}")?;
        writeln!(f, "plan: {}", json(&**plan)?)?;
        writeln!(f, "policy: {}", json(&**policy)?)?;
        writeln!(f, "world: {}", json(world)?)?;
        writeln!(f, "people: {}", json(&self.people)?)?;
        if let Some(flaw) = flaw {
            writeln!(f, "flaw: {}", json(flaw)?)?;
        }
        // In words, for people; the world holds the schedule.
        for line in world.faults.to_string().lines() {
            writeln!(f, "# {line}")?;
        }
        f.write_str(&self.outcome)
    }
}

fn json(value: &impl Serialize) -> Result<String, fmt::Error> {
    serde_json::to_string(value).map_err(|_| fmt::Error)
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let mut fields = Fields { lines: text.lines(), line: 0 };
        fields.headline()?;
        let mut simulation = Simulation {
            seed: fields.parsed("seed")?,
            start: fields.parsed::<Timestamp>("start")?,
            longest: fields.parsed::<Span>("longest")?,
            plan: Arc::new(fields.json("plan")?),
            policy: Arc::new(fields.json("policy")?),
            world: fields.json("world")?,
            flaw: None,
        };
        let people = fields.json("people")?;
        if fields.ahead().is_some_and(|line| line.starts_with("flaw: ")) {
            simulation.flaw = Some(fields.json("flaw")?);
        }
        let mut outcome = String::new();
        for line in fields.lines.filter(|line| !line.starts_with('#')) {
            outcome.push_str(line);
            outcome.push('\n');
        }
        Ok(Self { simulation, people, outcome })
    }
}

/// The fields at the beginning of a trace, in their order.
struct Fields<'a> {
    lines: std::str::Lines<'a>,
    line: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> &'a str {
        self.line += 1;
        self.lines.next().unwrap_or_default()
    }

    /// The next line, which stays there.
    fn ahead(&self) -> Option<&'a str> {
        self.lines.clone().next()
    }

    fn wrong(&self, problem: impl Into<String>) -> TraceError {
        TraceError::Text { line: self.line, problem: problem.into() }
    }

    fn headline(&mut self) -> Result<(), TraceError> {
        let is = self.next();
        if is == HEADLINE { Ok(()) } else { Err(self.wrong(format!("it is not `{HEADLINE}`"))) }
    }

    fn value(&mut self, name: &str) -> Result<&'a str, TraceError> {
        let line = self.next();
        let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
        value.ok_or_else(|| self.wrong(format!("it does not begin with `{name}: `")))
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Result<T, TraceError> {
        self.value(name)?.parse().map_err(|error: T::Err| self.wrong(error.to_string()))
    }

    fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, TraceError> {
        serde_json::from_str(self.value(name)?).map_err(|error| self.wrong(error.to_string()))
    }
}
