//! A real HAProxy before servers of the test, everything on loopback and in a temporary directory.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use relman_adapters::deployer::haproxy::{Endpoint, Haproxy, HaproxyConfig};
use relman_core::{
    plan::Artifact,
    port::{DeployRequest, Environment, Target, TrafficRequest},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::JoinHandle,
};

const DEADLINE: Duration = Duration::from_secs(20);

/// HAProxy with the servers `canary`, `stable` and `spare` in the backend `app`; all weight is on `stable`.
pub(crate) struct World {
    /// The runtime API with all rights, as a socket and as an address.
    pub(crate) socket: PathBuf,
    pub(crate) address: SocketAddr,
    /// The runtime API with the right to read only.
    pub(crate) operator_socket: PathBuf,
    /// Where requests go in.
    pub(crate) front: SocketAddr,
    dir: TempDir,
    program: PathBuf,
    haproxy: Child,
    servers: BTreeMap<&'static str, JoinHandle<()>>,
}

impl World {
    /// Starts it, or says that there is no HAProxy here and gives none.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with more options for some of the servers.
    pub(crate) async fn start_with(options: &[(&str, &str)]) -> Option<Self> {
        let more = |name| options.iter().find(|(of, _)| *of == name).map_or("", |(_, more)| *more);
        let servers = [("canary", 0), ("stable", 1), ("spare", 0)];
        Self::start_servers(&servers.map(|(name, weight)| (name, weight, more(name))), "").await
    }

    /// With servers, each with its weight and more options, in a backend with more lines of its own.
    pub(crate) async fn start_servers(of_backend: &[(&'static str, u32, &str)], more: &str) -> Option<Self> {
        let program = installed("haproxy")?;
        let dir = TempDir::new().unwrap();
        let mut servers = BTreeMap::new();
        let mut lines = String::new();
        for (name, weight, more) in of_backend.iter().copied() {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            writeln!(
                lines,
                "  server {name} {address} check inter 50ms fall 1 rise 1 weight {weight} {more}"
            )
            .unwrap();
            servers.insert(name, tokio::spawn(serve(listener, name)));
        }
        let socket = dir.path().join("haproxy.sock");
        let operator_socket = dir.path().join("operator.sock");
        // A port that was free may be taken by somebody else a moment later: other ports, then.
        for _ in 0..5 {
            let [front, address] = free_addresses();
            let config = format!(
                "global\n  noreuseport\n  stats socket {} mode 600 level admin\n  stats socket {} mode 600 level user\n  \
                 stats socket ipv4@{address} level admin\n\
                 defaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n\
                 frontend front\n  bind {front}\n  default_backend app\n\
                 backend app\n  balance roundrobin\n{more}{lines}",
                socket.display(),
                operator_socket.display(),
            );
            if let Some(haproxy) = spawn(&program, dir.path(), &config, &socket).await {
                let world = Self { socket, address, operator_socket, front, dir, program, haproxy, servers };
                for (name, _, _) in of_backend {
                    world.until_server(name, "up").await;
                }
                return Some(world);
            }
        }
        panic!(
            "haproxy does not start: {}",
            std::fs::read_to_string(dir.path().join("haproxy.log")).unwrap()
        );
    }

    pub(crate) fn deployer(&self) -> Haproxy {
        deployer_at(Endpoint::Socket(self.socket.clone()))
    }

    /// A path in the temporary directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Sends requests and says how many came to which server; `503` counts those that came to none.
    pub(crate) async fn send(&self, requests: usize) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let mut connection = BufReader::new(TcpStream::connect(self.front).await.unwrap());
        for _ in 0..requests {
            let (status, body) = request(&mut connection).await;
            if status == 503 {
                // HAProxy closes the connection after an answer of its own.
                connection = BufReader::new(TcpStream::connect(self.front).await.unwrap());
            }
            *counts.entry(if status == 200 { body } else { status.to_string() }).or_default() += 1;
        }
        counts
    }

    /// Starts HAProxy anew, with the weights of its configuration.
    pub(crate) async fn restart(&mut self) {
        self.haproxy.kill().unwrap();
        self.haproxy.wait().unwrap();
        std::fs::remove_file(&self.socket).ok();
        let config = std::fs::read_to_string(self.dir.path().join("haproxy.cfg")).unwrap();
        let begin = Instant::now();
        self.haproxy = loop {
            if let Some(haproxy) = spawn(&self.program, self.dir.path(), &config, &self.socket).await {
                break haproxy;
            }
            assert!(begin.elapsed() < DEADLINE, "haproxy does not start again");
        };
        for server in self.servers.keys() {
            self.until_server(server, "up").await;
        }
    }

    /// The weights that are set, by server.
    pub(crate) async fn weights(&self) -> BTreeMap<String, u32> {
        let answer = self.tell("show servers state app").await;
        let rows = answer.lines().filter(|line| line.contains(" app "));
        let weight = |row: &str| {
            let fields: Vec<&str> = row.split(' ').collect();
            // Of HAProxy 2.x: 3 is the name, 7 the weight.
            (fields[3].to_owned(), fields[7].parse().unwrap())
        };
        rows.map(weight).collect()
    }

    /// Sends requests as a user whose cookie names a server.
    pub(crate) async fn send_as(&self, cookie: &str, requests: usize) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..requests {
            let mut connection = BufReader::new(TcpStream::connect(self.front).await.unwrap());
            let (status, body) = request_with(&mut connection, &format!("cookie: SRV={cookie}\r\n")).await;
            *counts.entry(if status == 200 { body } else { status.to_string() }).or_default() += 1;
        }
        counts
    }

    /// One command for the runtime API, past the adapter.
    pub(crate) async fn tell(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Stops a server, and waits until HAProxy has noticed.
    pub(crate) async fn stop(&mut self, server: &'static str) {
        let task = self.servers.remove(server).unwrap();
        task.abort();
        task.await.unwrap_err();
        self.until_server(server, "down").await;
    }

    /// Waits until the server is `up` with a health check that has passed, or `down`.
    pub(crate) async fn until_server(&self, server: &str, state: &str) {
        let begin = Instant::now();
        loop {
            let answer = self.tell("show servers state app").await;
            let row = answer.lines().find(|line| line.contains(&format!(" {server} "))).unwrap();
            let fields: Vec<&str> = row.split(' ').collect();
            // Of HAProxy 2.x: 5 is the operational state, 11 the result of the last check.
            match (fields[5], fields[11]) {
                ("1" | "2", "3") if state == "up" => return,
                ("0", _) if state == "down" => return,
                _ => assert!(begin.elapsed() < DEADLINE, "{server} is not {state}: {row}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.haproxy.kill().ok();
        self.haproxy.wait().ok();
    }
}

pub(crate) fn deployer_at(endpoint: Endpoint) -> Haproxy {
    Haproxy::new(HaproxyConfig::new(endpoint, "app", "canary", "stable").unwrap())
}

/// Stands before the runtime API and writes down what it is asked.
pub(crate) struct Relay {
    pub(crate) socket: PathBuf,
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
    /// Whether the answer to the next change is kept back for good.
    pub(crate) loses_next: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn before(world: &World) -> Self {
        let relay =
            Self { socket: world.path("relay.sock"), heard: Arc::default(), loses_next: Arc::default() };
        let listener = UnixListener::bind(&relay.socket).unwrap();
        let (real, log, loses_next) =
            (world.socket.clone(), Arc::clone(&relay.heard), Arc::clone(&relay.loses_next));
        tokio::spawn(async move {
            let mut unanswered = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                let mut client = BufReader::new(client);
                let mut line = String::new();
                client.read_line(&mut line).await.unwrap();
                log.lock().unwrap().push(line.trim().to_owned());
                let mut haproxy = UnixStream::connect(&real).await.unwrap();
                haproxy.write_all(line.as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                haproxy.read_to_end(&mut answer).await.unwrap();
                if line.starts_with("set ") && loses_next.swap(false, Ordering::Relaxed) {
                    unanswered.push(client);
                } else {
                    client.write_all(&answer).await.unwrap();
                }
            }
        });
        relay
    }
}

pub(crate) fn target() -> Target {
    Target::new(
        "checkout-241".parse().unwrap(),
        "checkout".parse().unwrap(),
        Artifact { name: "checkout".parse().unwrap(), version: "2.41.0".parse().unwrap(), digest: None },
        "2.40.3",
    )
}

pub(crate) fn deploy_to(environment: Environment) -> DeployRequest {
    DeployRequest::new(target(), environment, "key")
}

pub(crate) fn traffic(share: &str) -> TrafficRequest {
    TrafficRequest::new(target(), share.parse().unwrap(), "key")
}

/// Where a program is installed; passes over, or panics where services are required, if it is not.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places.map(|place| place.join(program)).find(|file| file.is_file());
    if found.is_none() {
        let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
        assert!(!required, "{program} is not installed, and RELMAN_REQUIRE_SERVICES=1 asks for it");
        eprintln!("{program} is not installed: this test is passed over");
    }
    found
}

async fn spawn(program: &Path, dir: &Path, config: &str, socket: &Path) -> Option<Child> {
    std::fs::write(dir.join("haproxy.cfg"), config).unwrap();
    let mut haproxy = Command::new(program)
        .args(["-db", "-f", "haproxy.cfg"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("haproxy.log")).unwrap())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    // The socket is in a directory of this world's own: another HAProxy on the same port can't be taken for this one.
    while UnixStream::connect(socket).await.is_err() {
        if haproxy.try_wait().unwrap().is_some() {
            return None;
        }
        if begin.elapsed() > DEADLINE {
            haproxy.kill().ok();
            haproxy.wait().ok();
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some(haproxy)
}

/// Addresses that nobody listens on. All are held until all are found, so that they differ.
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// Answers every request with the name of the server.
async fn serve(listener: TcpListener, name: &'static str) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let mut stream = BufReader::new(stream);
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                if line == "\r\n" && stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
                line.clear();
            }
        });
    }
}

async fn request(connection: &mut BufReader<TcpStream>) -> (u16, String) {
    request_with(connection, "").await
}

async fn request_with(connection: &mut BufReader<TcpStream>, headers: &str) -> (u16, String) {
    let request = format!("GET / HTTP/1.1\r\nhost: app\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut line = String::new();
    connection.read_line(&mut line).await.unwrap();
    let status = line.split(' ').nth(1).unwrap_or_default().parse().unwrap();
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        connection.read_line(&mut line).await.unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    (status, String::from_utf8(body).unwrap())
}
