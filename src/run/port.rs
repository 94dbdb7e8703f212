//! Opens the port to the stick: a tty, a pty, a TCP connection; and finds the one stick on USB.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_serial::{ClearBuffer, SerialPort as _, SerialPortBuilderExt, SerialStream};

use crate::config::SerialPort;

/// Rate of every stick's UART; those with real USB ignore it (docs/protocol/serial-api.md §1).
const BAUD: u32 = 115_200;
/// How long a TCP connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no port. Each variant says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The device file is not there.
    #[error("{0} does not exist: plug the stick in, or correct [serial] port")]
    Missing(PathBuf),
    #[error("no permission for {0}: add the user to its group, usually `usermod -aG dialout USER`, and start again")]
    Permission(PathBuf),
    /// Another program has it.
    #[error("{0} is in use by another program: stop that one (Z-Wave JS, Home Assistant, ModemManager)")]
    Busy(PathBuf),
    /// Something, but no serial port.
    #[error("{0} is no serial port: correct [serial] port")]
    NotAPort(PathBuf),
    /// Any other trouble with a device file.
    #[error("{path} can't be opened")]
    Device {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    #[error("{address} can't be reached: start the serial server there, or correct [serial] port")]
    Unreachable {
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// No stick that we know by its USB id.
    #[error("no Z-Wave stick found on USB: plug it in, or name its port in [serial] port")]
    NoStick,
    #[error("several Z-Wave sticks found: name one of them in [serial] port: {}", list(.0))]
    SeveralSticks(Vec<PathBuf>),
}

impl PortError {
    /// Whether waiting can help. An ambiguous or wrong choice needs a person.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Missing(_) | Self::Busy(_) | Self::Device { .. } | Self::Unreachable { .. } | Self::NoStick => true,
            Self::Permission(_) | Self::NotAPort(_) | Self::SeveralSticks(_) => false,
        }
    }
}

/// An open port. Its flush does nothing: on a tty it would be a blocking `tcdrain` on the runtime's thread.
#[derive(Debug)]
pub enum Port {
    /// A tty or pty.
    Serial(SerialStream),
    /// A serial server, or the simulator.
    Tcp(TcpStream),
}

/// Opens `wanted`, or else the one stick on USB. What waited in it from before is thrown away.
pub async fn open(wanted: Option<&SerialPort>) -> Result<Port, PortError> {
    match wanted {
        Some(SerialPort::Path(path)) => open_tty(path),
        Some(SerialPort::Tcp { host, port }) => open_tcp(host, *port).await,
        None => open_tty(&find_stick()?),
    }
}

fn open_tty(path: &Path) -> Result<Port, PortError> {
    // DTR is left as it is: asking for it fails on a pty, and Linux raises it on a tty anyway.
    let builder = tokio_serial::new(path.to_string_lossy(), BAUD).timeout(Duration::ZERO);
    let stream = builder.open_native_async().map_err(|error| device_error(path, error))?;
    if let Err(error) = stream.clear(ClearBuffer::Input) {
        tracing::debug!(path = %path.display(), %error, "stale input can't be thrown away");
    }
    Ok(Port::Serial(stream))
}

/// The serial crate says "no device" both for a missing port and for one in use: the file system tells them apart.
fn device_error(path: &Path, error: tokio_serial::Error) -> PortError {
    use std::os::unix::fs::FileTypeExt;
    let path = path.to_owned();
    let Ok(meta) = std::fs::metadata(&path) else { return PortError::Missing(path) };
    if !meta.file_type().is_char_device() {
        return PortError::NotAPort(path);
    }
    match error.kind {
        tokio_serial::ErrorKind::NoDevice => PortError::Busy(path),
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => PortError::Permission(path),
        tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => PortError::Missing(path),
        _ => PortError::Device { path, source: error.into() },
    }
}

async fn open_tcp(host: &str, port: u16) -> Result<Port, PortError> {
    let unreachable =
        |source| PortError::Unreachable { address: SerialPort::Tcp { host: host.into(), port }.to_string(), source };
    let connect = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port)));
    let stream = connect.await.map_err(|_| unreachable(io::ErrorKind::TimedOut.into()))?.map_err(unreachable)?;
    // An ACK is one byte, and the stick waits for it.
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(Port::Tcp(stream))
}

/// The one Z-Wave stick on USB, by the most stable name it has.
pub fn find_stick() -> Result<PathBuf, PortError> {
    let mut sticks = sticks(Path::new("/sys/class/tty"), Path::new("/dev/serial/by-id"));
    match sticks.len() {
        0 => Err(PortError::NoStick),
        1 => sticks.pop().ok_or(PortError::NoStick),
        _ => Err(PortError::SeveralSticks(sticks)),
    }
}

/// USB ids that are Z-Wave sticks whatever they call themselves. Others are taken if their name says Z-Wave: the common
/// UART bridges (10c4:ea60, 1a86:55d4) are in Zigbee sticks and printers too.
const STICK_IDS: &[(&str, &str)] = &[
    ("0658", "0200"), // Sigma Designs UZB: Aeotec Z-Stick Gen5, Z-Wave.Me UZB, Vision, and others
];
/// What a stick's name says.
const STICK_WORDS: &[&str] = &["z-wave", "zwave", "zwa-2"];

/// Z-Wave sticks among the ttys of `class_tty` (`/sys/class/tty`), in order.
fn sticks(class_tty: &Path, by_id: &Path) -> Vec<PathBuf> {
    let mut ttys: Vec<_> = entries(class_tty).into_iter().filter(|tty| is_stick(tty)).collect();
    ttys.sort();
    ttys.iter().filter_map(|tty| stable_name(Path::new(tty.file_name()?), by_id)).collect()
}

fn is_stick(tty: &Path) -> bool {
    let Ok(device) = std::fs::canonicalize(tty.join("device")) else { return false };
    let read = |path: &Path, file| std::fs::read_to_string(path.join(file)).unwrap_or_default().trim().to_ascii_lowercase();
    // The ids are on the USB device; on a stick with two ports (HUSBZB-1) the name of the interface says which is which.
    let Some(usb) = device.ancestors().find(|path| path.join("idVendor").exists()) else { return false };
    let ids = (read(usb, "idVendor"), read(usb, "idProduct"));
    let interface: String = device.ancestors().take_while(|path| *path != usb).map(|path| read(path, "interface")).collect();
    if interface.contains("zigbee") {
        return false;
    }
    let name = [interface, read(usb, "product")].join(" ");
    STICK_IDS.contains(&(ids.0.as_str(), ids.1.as_str())) || STICK_WORDS.iter().any(|word| name.contains(word))
}

/// The link under `by_id` that leads to `tty`, as it survives replugging; else the plain name.
fn stable_name(tty: &Path, by_id: &Path) -> Option<PathBuf> {
    let leads_there = |link: &PathBuf| std::fs::read_link(link).is_ok_and(|target| target.file_name() == tty.file_name());
    Some(entries(by_id).into_iter().find(leads_there).unwrap_or_else(|| Path::new("/dev").join(tty)))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl AsyncRead for Port {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Serial(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Port {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Serial(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Serial(_) => Poll::Ready(Ok(())),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tty in a made-up `/sys`, as the kernel lays them out: class/tty/NAME/device → …/usb/interface[/NAME].
    fn plug(root: &Path, tty: &str, ids: (&str, &str), product: &str, interface: &str) {
        let usb = root.join("devices").join(format!("usb-{tty}"));
        let device = usb.join("1-1:1.0").join(tty);
        std::fs::create_dir_all(&device).unwrap();
        for (file, text) in [("idVendor", ids.0), ("idProduct", ids.1), ("product", product)] {
            std::fs::write(usb.join(file), format!("{text}\n")).unwrap();
        }
        std::fs::write(usb.join("1-1:1.0/interface"), interface).unwrap();
        std::fs::create_dir_all(root.join("class").join(tty)).unwrap();
        symlink(&device, root.join("class").join(tty).join("device")).unwrap();
    }

    fn found(root: &Path) -> Vec<PathBuf> {
        sticks(&root.join("class"), &root.join("by-id"))
    }

    #[test]
    fn a_zigbee_stick_on_the_same_bridge_chip_is_not_taken_for_a_z_wave_stick() {
        let root = tempfile::tempdir().unwrap();
        plug(root.path(), "ttyUSB0", ("10c4", "ea60"), "Sonoff Zigbee 3.0 USB Dongle Plus", "");
        plug(root.path(), "ttyUSB1", ("10c4", "8a2a"), "HubZ Smart Home Controller", "HubZ ZigBee Com Port");
        plug(root.path(), "ttyUSB2", ("10c4", "8a2a"), "HubZ Smart Home Controller", "HubZ Z-Wave Com Port");
        std::fs::create_dir_all(root.path().join("class/ttyS0")).unwrap();
        assert_eq!(found(root.path()), [Path::new("/dev/ttyUSB2")]);
    }

    #[test]
    fn a_stick_is_named_so_that_it_is_found_again_after_replugging() {
        let root = tempfile::tempdir().unwrap();
        plug(root.path(), "ttyACM0", ("0658", "0200"), "", "");
        std::fs::create_dir(root.path().join("by-id")).unwrap();
        let link = root.path().join("by-id/usb-0658_0200-if00");
        symlink("../../ttyACM0", &link).unwrap();
        assert_eq!(found(root.path()), [link]);
    }

    #[test]
    fn two_sticks_are_both_named_in_the_error() {
        let error = PortError::SeveralSticks(vec!["/dev/ttyACM0".into(), "/dev/ttyACM1".into()]);
        assert!(error.to_string().ends_with("/dev/ttyACM0, /dev/ttyACM1"), "{error}");
        assert!(!error.may_pass());
    }

    #[tokio::test]
    async fn each_wrong_port_says_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = async |path: &Path| open(Some(&SerialPort::Path(path.into()))).await.unwrap_err();
        assert!(matches!(error(&root.path().join("none")).await, PortError::Missing(_)));
        assert!(matches!(error(&file).await, PortError::NotAPort(_)));
        // A port that was free a moment ago, and that nobody listens on.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = open(Some(&SerialPort::Tcp { host: "127.0.0.1".into(), port })).await.unwrap_err();
        assert!(matches!(error, PortError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_pty_opens_once_and_is_busy_the_second_time() {
        let (_master, slave) = SerialStream::pair().unwrap();
        let wanted = SerialPort::Path(slave.name().unwrap().into());
        drop(slave);
        let first = open(Some(&wanted)).await.unwrap();
        let second = open(Some(&wanted)).await;
        assert!(matches!(second, Err(PortError::Busy(_))), "{second:?}");
        drop(first);
        open(Some(&wanted)).await.unwrap();
    }
}
