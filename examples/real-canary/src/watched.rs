use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Runs a program and ends it when the standard input does, which is when the process that holds the other end
/// ends, however it ends. The program's status becomes the shell's.
const WATCHDOG: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r line <&3; kill -TERM "$program"; sleep 3; kill -KILL "$program"; } 2>/dev/null >&2 &
watchdog=$!
wait "$program"
status=$?
kill "$watchdog" 2>/dev/null
exit "$status"
"#;

/// How long a program gets to end by itself: longer than the watchdog waits before it kills.
const PATIENCE: Duration = Duration::from_secs(6);

/// A program that doesn't outlive this process, not even where this process is killed.
///
/// It has a process group of its own: a Ctrl-C in the terminal is for us, and we end it in order.
#[derive(Debug)]
pub(crate) struct Watched {
    name: &'static str,
    log: PathBuf,
    shell: Child,
}

impl Watched {
    /// Starts a program in a directory; what it writes goes to `<name>.log` there.
    pub(crate) fn spawn(name: &'static str, program: &Path, args: &[String], dir: &Path) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;

        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log)?;
        let shell = Command::new("sh")
            .args(["-c", WATCHDOG, name])
            .arg(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()?;
        Ok(Self { name, log, shell })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.shell.try_wait()
    }

    /// Asks it to end, without waiting for it.
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.shell.stdin.take());
    }

    /// Kills it with all that it has started, as `kill -9` and a power cut do, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        // Where it has ended it was waited for, and its number may belong to somebody else.
        if self.shell.try_wait()?.is_none() {
            self.kill_group();
            self.shell.wait()?;
        }
        Ok(())
    }

    fn kill_group(&self) {
        let leader = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw);
        if let Some(leader) = leader {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// Where it writes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines that it wrote.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.ask_to_end();
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            match self.shell.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        // Not waited for yet, so that the number is still that of the shell.
        self.kill_group();
        let _ = self.shell.wait();
    }
}
