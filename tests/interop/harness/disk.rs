//! The disk under the daemon: slow, read-only, full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Process, Setup, seconds, until};

/// A library before the daemon's own (`slow_disk.c`) that makes its disk slow or read-only, and writes down each sync.
pub struct Disk {
    flags: TempDir,
}

/// A sync that went well: when it began and when it ended, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Synced {
    pub began: f64,
    pub ended: f64,
}

impl Disk {
    pub fn new() -> Self {
        Self { flags: tempfile::tempdir().unwrap() }
    }

    /// Puts the daemon, and nobody else, on this disk.
    pub fn under(&self, setup: Setup) -> Setup {
        let flags = self.flags.path().to_str().unwrap();
        setup.env("LD_PRELOAD", library().to_str().unwrap()).env("LATCHKEY_TEST_DISK", flags)
    }

    pub fn be_slow(&self) {
        File::create(self.flags.path().join("slow")).unwrap();
    }

    pub fn be_read_only(&self) {
        File::create(self.flags.path().join("read-only")).unwrap();
    }

    pub fn be_well(&self) {
        for flag in ["slow", "read-only"] {
            let _ = fs::remove_file(self.flags.path().join(flag));
        }
    }

    /// Every sync so far.
    pub fn syncs(&self) -> Vec<Synced> {
        let text = fs::read_to_string(self.flags.path().join("syncs")).unwrap_or_default();
        let synced = |line: &str| {
            let (began, ended) = line.split_once(' ')?;
            Some(Synced { began: began.parse().ok()?, ended: ended.parse().ok()? })
        };
        text.lines().filter_map(synced).collect()
    }
}

/// Builds the library once for all tests.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/harness/slow_disk.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("slow_disk.so");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).args([&library, &source]).status();
        assert!(built.expect("cc is missing; install gcc").success(), "slow_disk.c does not compile");
        library
    })
}

/// A small real file system of its own, which can be filled up. Only the daemon sees it: it is mounted in a namespace.
pub struct Card {
    place: TempDir,
    holder: Process,
}

impl Card {
    pub fn of_megabytes(size: u32) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size={size}m tmpfs \"$0\" && echo mounted && exec sleep 3600");
        let mut holder = Process::start("unshare", ["-m", "sh", "-c", &mount, place.path().to_str().unwrap()], |_| {});
        until("a file system is mounted", seconds(10), || {
            assert!(holder.is_running(), "mounting needs root: {}", holder.stderr());
            holder.stdout().contains("mounted").then_some(())
        });
        Self { place, holder }
    }

    /// Puts the daemon's database there.
    pub fn under(&self, setup: Setup) -> Setup {
        let holder = self.holder.pid().to_string();
        let mut setup = setup.env("LATCHKEY_STORE__PATH", self.place.path().join("latchkey.db").to_str().unwrap());
        setup.prefix = ["nsenter", "-t", &holder, "-m", "--"].map(String::from).into();
        setup
    }

    /// Writes until nothing more goes in.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        let full = loop {
            if let Err(full) = filler.write_all(&[0; 512]) {
                break full;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    }

    pub fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// As this process sees it.
    fn filler(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.pid());
        Path::new(&root).join(self.place.path().strip_prefix("/").unwrap()).join("filler")
    }
}
