//! What the adapters that run an executable share: how it is started, how much of it is read, and how it ends.

use std::{
    io::{self, PipeWriter, Write as _},
    path::Path,
    process::{ExitStatus, Stdio},
};

use relman_core::{
    port::{PortError, PortErrorKind},
    unit::Span,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

/// The longest answer that is read: an observation with a long detail has a few kilobytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// As much of the standard error as an error carries: where a program says what is wrong, it says so at the end.
const STDERR_TAIL_BYTES: usize = 2 * 1024;

/// What a pipe holds on every system that relman runs on, without anybody who reads it.
const PIPE_HOLDS_BYTES: usize = 16 * 1024;

/// What is handed on from the environment without being asked for: what programs need to find others and to
/// write text.
const HANDED_ON: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"];

/// What is run, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program<'a> {
    /// Without a slash it is looked for in `PATH`.
    pub(crate) path: &'a Path,
    pub(crate) args: &'a [String],
    /// The names of variables that it sees, besides those that every program does.
    pub(crate) environment: &'a [String],
    pub(crate) time_limit: Span,
}

/// How a program ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// The last of what it wrote to its standard error, as one line of text.
    pub(crate) stderr: String,
}

/// Why a program did not end by itself.
pub(crate) enum Failure {
    /// It was not started.
    NotStarted(io::Error),
    /// Its output could not be read.
    Broken(io::Error),
    /// It writes more than is read.
    TooMuchOutput,
    /// It was still at it when the time was over.
    TimedOut,
}

impl Failure {
    /// The failure in the words of a port.
    pub(crate) fn into_error(
        self,
        adapter: &'static str,
        operation: &'static str,
        program: &Program<'_>,
    ) -> PortError {
        let failed = |kind, detail: String| PortError::new(adapter, operation, kind, detail);
        let name = program.path.display();
        match self {
            Self::NotStarted(error) => {
                let kind = match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => PortErrorKind::Rejected,
                    _ => PortErrorKind::Unavailable,
                };
                let detail = format!("the program {name} can't be started: {error}");
                failed(kind, detail).with_source(error)
            }
            Self::Broken(error) => {
                let detail = format!("the output of {name} can't be read: {error}");
                failed(PortErrorKind::Unavailable, detail).with_source(error)
            }
            Self::TooMuchOutput => {
                let detail =
                    format!("{name} wrote more than {MAX_OUTPUT_BYTES} bytes to its standard output");
                failed(PortErrorKind::InvalidAnswer, detail)
            }
            Self::TimedOut => {
                let detail = format!(
                    "{name} was not done within {} and was killed with the processes it started",
                    program.time_limit
                );
                failed(PortErrorKind::TimedOut, detail)
            }
        }
    }
}

/// Runs the program with this input, to its end or to the time limit.
///
/// The input is there before it starts: a process that dies while it starts one leaves none behind that was asked for half a
/// thing. It gets a process group of its own, which is killed when it doesn't end by itself, when the future is dropped, and
/// when this process ends without a word: what it was about to do is not done behind the back of a new one.
pub(crate) async fn run(program: &Program<'_>, mut input: Vec<u8>) -> Result<Finished, Failure> {
    #[cfg(unix)]
    let mut watchdog = Watchdog::start().map_err(Failure::NotStarted)?;
    let (stdin, mut writer) = io::pipe().map_err(Failure::NotStarted)?;
    let rest = input.split_off(input.len().min(PIPE_HOLDS_BYTES));
    writer.write_all(&input).map_err(Failure::NotStarted)?;
    let mut command = command(program);
    command.stdin(stdin);
    #[cfg(unix)]
    watchdog.adopt(&mut command);
    let mut child = command.spawn().map_err(Failure::NotStarted)?;
    // It holds the end that the program reads from.
    drop(command);
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        unreachable!("both outputs of the program are pipes")
    };
    let talk = async {
        let ((), stdout, stderr) =
            tokio::try_join!(write(writer, rest), read_all(stdout), read_tail(stderr))?;
        let status = child.wait().await.map_err(Failure::Broken)?;
        Ok(Finished { status, stdout, stderr })
    };
    let finished = tokio::time::timeout(program.time_limit.to_std(), talk).await;
    #[cfg(unix)]
    if let Ok(Ok(_)) = finished {
        watchdog.dismiss();
    }
    finished.unwrap_or(Err(Failure::TimedOut))
}

fn command(program: &Program<'_>) -> Command {
    let mut command = Command::new(program.path);
    command.args(program.args).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let names = HANDED_ON.into_iter().chain(program.environment.iter().map(String::as_str));
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The leader of a program's process group: a shell that waits until the pipe to it is closed, by this process or by its
/// end, and then kills the group, itself included.
#[cfg(unix)]
struct Watchdog {
    shell: Child,
    group: i32,
    dismissed: bool,
}

#[cfg(unix)]
impl Watchdog {
    fn start() -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "read -r _; kill -s KILL 0"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .process_group(0);
        let shell = command.spawn()?;
        let group = shell.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        Ok(Self { shell, group, dismissed: false })
    }

    /// The program has ended by itself: what it left running on purpose goes on.
    fn dismiss(&mut self) {
        self.dismissed = true;
        // It fails where the shell has ended, which is what is wanted.
        let _ = self.shell.start_kill();
    }

    /// Puts a program that is about to be started under its watch.
    fn adopt(&self, command: &mut Command) {
        command.process_group(self.group);
    }
}

/// A program that has not ended by itself is killed, with all that it started.
#[cfg(unix)]
impl Drop for Watchdog {
    fn drop(&mut self) {
        // The shell has not been waited for, so that its id can't be that of another process.
        if !self.dismissed
            && self.shell.id().is_some()
            && let Some(leader) = rustix::process::Pid::from_raw(self.group)
        {
            // It fails where all of them have ended, which is what is wanted.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// Writes what a pipe does not hold at once, and says that there is no more.
async fn write(mut stdin: PipeWriter, rest: Vec<u8>) -> Result<(), Failure> {
    if rest.is_empty() {
        return Ok(());
    }
    let written = tokio::task::spawn_blocking(move || stdin.write_all(&rest)).await;
    match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Ok(()),
        // A program need not read what it is asked: `false` doesn't.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Broken(error)),
    }
}

async fn read_all(stdout: impl AsyncRead + Unpin) -> Result<Vec<u8>, Failure> {
    let mut output = Vec::new();
    stdout.take(MAX_OUTPUT_BYTES as u64 + 1).read_to_end(&mut output).await.map_err(Failure::Broken)?;
    if output.len() > MAX_OUTPUT_BYTES {
        return Err(Failure::TooMuchOutput);
    }
    Ok(output)
}

async fn read_tail(mut stderr: impl AsyncRead + Unpin) -> Result<String, Failure> {
    let mut tail = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stderr.read(&mut chunk).await.map_err(Failure::Broken)?;
        if read == 0 {
            return Ok(one_line(&tail));
        }
        tail.extend_from_slice(&chunk[..read]);
        tail.drain(..tail.len().saturating_sub(STDERR_TAIL_BYTES));
    }
}

/// Text that can stand in a log line and on a terminal: control characters could do more there than be read.
pub(crate) fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" | ").replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_line_without_control_characters() {
        assert_eq!(one_line(b"first\r\n\n  second\n"), "first | second");
        assert_eq!(one_line(b"red \x1b[31m and \xff"), "red \u{fffd}[31m and \u{fffd}");
    }
}
