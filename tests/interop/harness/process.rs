//! A child process that never outlives its test.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::until;

pub struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Process {
    /// Starts `program` in a process group of its own. The kernel ends it with the thread that started it, so that an
    /// interrupted test run leaves nothing behind.
    pub fn start<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        adjust(&mut command);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{program} does not start ({e}); tests/run installs it"));
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// As `kill -9`: no chance to clean up.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        self.wait(Duration::from_secs(10));
    }

    /// Asks it to end, and waits for it.
    pub fn terminate(&mut self) -> ExitStatus {
        if self.is_running() {
            self.signal("TERM");
        }
        self.wait(Duration::from_secs(20))
    }

    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let status = until("a process ends", limit, || self.child.try_wait().unwrap());
        // Its last words may still be in the pipes.
        until("its output is read", Duration::from_secs(10), || {
            (self.stdout.reader.is_finished() && self.stderr.reader.is_finished()).then_some(())
        });
        status
    }

    /// Resident memory in MB: in total, and without what is mapped from files.
    pub fn memory_mb(&self) -> (f64, f64) {
        (self.status_mb("VmRSS"), self.status_mb("RssAnon"))
    }

    /// A size that the kernel tells of it (`VmHWM`: the most memory that was ever resident), in MB.
    pub fn status_mb(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1000.0
    }

    /// Processor time used since it started. Linux counts it in hundredths of a second.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|f| f.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn signal(&self, name: &str) {
        kill(name, &self.pid().to_string());
    }
}

fn kill(name: &str, whom: &str) {
    // The shell's own `kill`: a bare machine has no other.
    let _ = Command::new("bash").args(["-c", &format!("kill -{name} -- {whom} 2>/dev/null")]).status();
}

impl Drop for Process {
    fn drop(&mut self) {
        kill("KILL", &format!("-{}", self.pid()));
        let _ = self.child.wait();
    }
}

/// What a process has written so far.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}
