//! All of it together: two services, HAProxy, Prometheus and the load.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use relman_adapters::deployer::haproxy::{Endpoint, Haproxy, HaproxyConfig};
use relman_core::judge::Arm;
use tempfile::TempDir;
use thiserror::Error;

use crate::{
    http::{Client, HttpError, query_value},
    load::{Load, Tally},
    settings::{Addresses, Settings},
    watched::Watched,
};

/// How long everything together may take until it is ready. It takes about three seconds.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often is looked whether something is ready.
const POLL: Duration = Duration::from_millis(20);

/// How many times ports are chosen. A port that was free may be taken by somebody else a moment later.
const ATTEMPTS: u32 = 3;

/// What is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackConfig {
    /// The `service` executable.
    pub service: PathBuf,
    /// The version that has all of the traffic at first.
    pub baseline_version: String,
    /// The version that has none at first.
    pub canary_version: String,
    /// How long an answer of either takes.
    pub latency: Duration,
    /// The load.
    pub requests_per_second: NonZeroU32,
}

impl StackConfig {
    /// Versions 1.0.0 and 2.0.0, 5 ms for an answer, and 200 requests a second.
    ///
    /// # Panics
    ///
    /// Never: 200 is not zero.
    pub fn new(service: impl Into<PathBuf>) -> Self {
        Self {
            service: service.into(),
            baseline_version: "1.0.0".to_owned(),
            canary_version: "2.0.0".to_owned(),
            latency: Duration::from_millis(5),
            requests_per_second: NonZeroU32::new(200).expect("200 is not zero"),
        }
    }
}

/// A running stack. Dropped, it is taken down; where its process is killed, it ends by itself.
///
/// # Examples
///
/// ```no_run
/// use real_canary::stack::{Stack, StackConfig};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let stack = Stack::start(StackConfig::new("target/debug/service")).await?;
/// println!("{}", stack.settings().to_toml());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stack {
    config: StackConfig,
    settings: Settings,
    client: Client,
    /// Dropped first, so that nobody sends requests to what is being taken down.
    load: Option<Load>,
    /// HAProxy first, then what stands behind it.
    programs: Vec<Watched>,
    dir: TempDir,
}

/// Why a stack could not be started or asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StackError {
    /// A program is not there.
    #[error(
        "{program} is not installed: get it with `apt-get install {program}` on Debian and Ubuntu, or with `brew \
         install {program}` on macOS"
    )]
    NotInstalled {
        /// The program.
        program: &'static str,
    },
    /// The machine does not do its part.
    #[error("failed to {operation}")]
    Io {
        /// What was tried.
        operation: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program has ended although it should run.
    #[error("{program} has ended with {status}; its last words:\n{last_words}")]
    Ended {
        /// The program.
        program: &'static str,
        /// Its status.
        status: ExitStatus,
        /// What it wrote at last.
        last_words: String,
    },
    /// Something was not ready in time.
    #[error("{what} after {DEADLINE:?}; last words of the programs:\n{last_words}")]
    NotReady {
        /// What is not as it should be.
        what: &'static str,
        /// What the programs wrote at last.
        last_words: String,
    },
    /// A part of it doesn't answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A part of it answers something else than expected.
    #[error("{url} answered {answer:?}")]
    Unexpected {
        /// What was asked.
        url: String,
        /// What came back.
        answer: String,
    },
}

impl Stack {
    /// Starts everything, with all traffic on the baseline, and returns when traffic flows and both versions are
    /// measured.
    ///
    /// # Errors
    ///
    /// [`StackError`]; nothing is left running then.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        let haproxy = installed("haproxy")?;
        let prometheus = installed("prometheus")?;
        let mut attempt = 1;
        loop {
            match Self::attempt(config.clone(), &haproxy, &prometheus).await {
                Err(StackError::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn attempt(config: StackConfig, haproxy: &Path, prometheus: &Path) -> Result<Self, StackError> {
        let dir =
            tempfile::Builder::new().prefix("real-canary-").tempdir().map_err(io("make a directory"))?;
        let [front, baseline, canary, at] = free_addresses().map_err(io("find free ports"))?;
        let settings = Settings::new(dir.path(), Addresses { front, baseline, canary, prometheus: at });
        for (name, text) in
            [("haproxy.cfg", settings.haproxy_file()), ("prometheus.yml", settings.prometheus_file())]
        {
            std::fs::write(dir.path().join(name), text).map_err(io("write a configuration"))?;
        }
        let client = Client::default();
        let mut stack = Self { config, settings, client, load: None, programs: Vec::new(), dir };
        let versions = [stack.config.baseline_version.clone(), stack.config.canary_version.clone()];
        let [of_baseline, of_canary] = versions;
        stack.serve("baseline", baseline, &of_baseline)?;
        stack.serve("canary", canary, &of_canary)?;
        stack.spawn("haproxy", haproxy, &["-db", "-f", "haproxy.cfg"])?;
        let listen = format!("--web.listen-address={at}");
        let args = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn", &listen];
        stack.spawn("prometheus", prometheus, &args)?;
        stack.until_ready().await?;
        Ok(stack)
    }

    /// Starts a version where one of the two servers of HAProxy is.
    fn serve(&mut self, name: &'static str, address: SocketAddr, version: &str) -> Result<(), StackError> {
        let (service, port) = (self.config.service.clone(), address.port().to_string());
        let latency_ms = self.config.latency.as_millis().to_string();
        self.spawn(name, &service, &["--port", &port, "--version", version, "--latency-ms", &latency_ms])
    }

    /// Installs another version in place of one of the two, and returns when it answers.
    ///
    /// # Errors
    ///
    /// [`StackError`] where it can't be started, or does not answer in time.
    pub async fn install(&mut self, arm: Arm, version: &str) -> Result<(), StackError> {
        let Addresses { baseline, canary, .. } = self.settings.addresses;
        let (name, address) = match arm {
            Arm::Canary => ("canary", canary),
            Arm::Baseline => ("baseline", baseline),
        };
        // Dropped, it ends; the port is free then.
        self.programs.retain(|program| program.name() != name);
        self.serve(name, address, version)?;
        match arm {
            Arm::Canary => version.clone_into(&mut self.config.canary_version),
            Arm::Baseline => version.clone_into(&mut self.config.baseline_version),
        }
        let (begin, url) = (Instant::now(), format!("http://{address}/health"));
        while !self.client.get(&url).await.is_ok_and(|answer| answer.status.is_success()) {
            self.wait(begin, "the version that was installed does not answer").await?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: &'static str, program: &Path, args: &[&str]) -> Result<(), StackError> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let watched = Watched::spawn(name, program, &args, self.dir.path())
            .map_err(|source| StackError::Io { operation: format!("start {name}"), source })?;
        self.programs.push(watched);
        Ok(())
    }

    async fn until_ready(&mut self) -> Result<(), StackError> {
        let Addresses { front, baseline, canary, prometheus } = self.settings.addresses;
        let begin = Instant::now();
        for (what, url) in [
            ("the baseline is not well", format!("http://{baseline}/health")),
            ("the canary is not well", format!("http://{canary}/health")),
            ("no request comes through HAProxy", format!("http://{front}/health")),
            ("Prometheus is not ready", format!("http://{prometheus}/-/ready")),
        ] {
            while !self.client.get(&url).await.is_ok_and(|answer| answer.status.is_success()) {
                self.wait(begin, what).await?;
            }
        }
        self.load = Some(Load::start(format!("http://{front}/"), self.config.requests_per_second));
        // Rates need two scrapes of each version, the second with traffic in it.
        let measured = "count(count_over_time(http_requests_total{code=\"200\"}[10s]) >= 2)";
        while self.query(measured).await? != Some(2.0) || self.observed_share().await?.is_none() {
            self.wait(begin, "Prometheus does not see both versions").await?;
        }
        Ok(())
    }

    /// Waits a moment, if there is time left and everything still runs.
    async fn wait(&mut self, begin: Instant, what: &'static str) -> Result<(), StackError> {
        self.check()?;
        if begin.elapsed() > DEADLINE {
            let last_words = self
                .programs
                .iter()
                .map(|program| format!("{}:\n{}\n", program.name(), program.last_words()));
            return Err(StackError::NotReady { what, last_words: last_words.collect() });
        }
        tokio::time::sleep(POLL).await;
        Ok(())
    }

    /// Checks that all programs run.
    ///
    /// # Errors
    ///
    /// [`StackError::Ended`] with the first that does not.
    pub fn check(&mut self) -> Result<(), StackError> {
        for program in &mut self.programs {
            if let Some(status) = program.ended().map_err(io("look after a program"))? {
                let (program, last_words) = (program.name(), program.last_words());
                return Err(StackError::Ended { program, status, last_words });
            }
        }
        Ok(())
    }

    /// How a deploy tool reaches it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The version in an arm.
    pub fn version(&self, arm: Arm) -> &str {
        match arm {
            Arm::Canary => &self.config.canary_version,
            Arm::Baseline => &self.config.baseline_version,
        }
    }

    /// A deployer that moves the traffic.
    ///
    /// # Panics
    ///
    /// Never: the names of the servers are constants that HAProxy takes.
    pub fn deployer(&self) -> Haproxy {
        let haproxy = &self.settings.haproxy;
        let endpoint = Endpoint::Socket(haproxy.socket.clone());
        let config = HaproxyConfig::new(endpoint, haproxy.backend, haproxy.canary, haproxy.baseline);
        Haproxy::new(config.expect("the names are constants that HAProxy takes"))
    }

    /// What the load has seen so far.
    pub fn tally(&self) -> Tally {
        self.load.as_ref().map(Load::tally).unwrap_or_default()
    }

    /// Changes how many requests a version fails, from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`StackError::Unexpected`] where the service refuses the rate, [`StackError::Http`] where it is not there.
    pub async fn set_error_rate(&self, arm: Arm, rate: f64) -> Result<(), StackError> {
        let address = match arm {
            Arm::Canary => self.settings.addresses.canary,
            Arm::Baseline => self.settings.addresses.baseline,
        };
        let url = format!("http://{address}/fail?rate={rate}");
        let answer = self.client.post(&url).await?;
        if !answer.status.is_success() {
            return Err(StackError::Unexpected { url, answer: answer.body });
        }
        Ok(())
    }

    /// The canary's share of the requests of the last five seconds, from 0 to 1, as Prometheus sees it; nothing
    /// where it sees no requests.
    ///
    /// # Errors
    ///
    /// [`StackError`] where Prometheus doesn't answer.
    pub async fn observed_share(&self) -> Result<Option<f64>, StackError> {
        let canary = &self.config.canary_version;
        let requests = "sum(rate(http_requests_total";
        self.query(&format!("{requests}{{version=\"{canary}\"}}[5s])) / {requests}[5s]))")).await
    }

    /// Asks Prometheus for one value; nothing where there is none, or where it is not a number.
    ///
    /// # Errors
    ///
    /// [`StackError`] where Prometheus doesn't answer, or refuses the query.
    pub async fn query(&self, promql: &str) -> Result<Option<f64>, StackError> {
        let prometheus = &self.settings.prometheus.url;
        let url = format!("{prometheus}/api/v1/query?query={}", query_value(promql));
        let answer = self.client.get(&url).await?;
        let unexpected = || StackError::Unexpected { url: url.clone(), answer: answer.body.clone() };
        let body: serde_json::Value = serde_json::from_str(&answer.body).map_err(|_| unexpected())?;
        let values = body["data"]["result"].as_array().ok_or_else(unexpected)?;
        let Some(value) = values.first() else { return Ok(None) };
        let value: f64 =
            value["value"][1].as_str().and_then(|text| text.parse().ok()).ok_or_else(unexpected)?;
        Ok(value.is_finite().then_some(value))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.load = None;
        // All at once: one after the other would take as long as all of them together.
        for program in &mut self.programs {
            program.ask_to_end();
        }
    }
}

fn io(operation: &'static str) -> impl Fn(io::Error) -> StackError {
    move |source| StackError::Io { operation: operation.to_owned(), source }
}

/// Where a program is installed. Debian has haproxy in a directory that is in the search path of the
/// administrator only.
fn installed(program: &'static str) -> Result<PathBuf, StackError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|place| place.join(program))
        .find(|file| file.is_file())
        .ok_or(StackError::NotInstalled { program })
}

/// Addresses that nobody listens on. All are held until all are found, so that they differ.
fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    let mut listeners = Vec::new();
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        *address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(addresses)
}
