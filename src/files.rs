//! Files named in a setting or an argument: only regular ones, and never more of them than makes sense.
//!
//! A name can lead to a pipe without a writer, to a device without an end, or to a file of gigabytes that takes no room on
//! the disk. None of them may hang the program or fill its memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::{Zeroize, Zeroizing};

/// Settings, keys, passwords, certificates: none of them has as much.
pub const SMALL: u64 = 1024 * 1024;

/// Something is there, and it is no regular file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is a folder, a pipe or a device, and not a file")]
pub struct NotAFile;

/// The file has more than makes sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it has more than {0} bytes")]
pub struct TooLong(pub u64);

/// Opens a regular file for reading. Links are followed.
pub fn open(path: &Path) -> io::Result<File> {
    // Opening some devices does something; the second look is at what was really opened.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NotAFile));
    }
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, NotAFile)) }
}

/// All of a regular file that has at most `most` bytes, in memory that is wiped.
pub fn read(path: &Path, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    read_open(open(path)?, most)
}

/// The same for a file that is open already.
pub fn read_open(file: File, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let len = file.metadata()?.len();
    if len > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, TooLong(most)));
    }
    // With room for one byte more than it has: a buffer that grows leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or_default() + 1));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, TooLong(most)));
    }
    Ok(bytes)
}

/// The same as text.
pub fn read_text(path: &Path, most: u64) -> io::Result<Zeroizing<String>> {
    let mut bytes = read(path, most)?;
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn a_pipe_a_device_or_a_folder_under_that_name_hangs_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, zero, file) = (dir.path().join("pipe"), dir.path().join("zero"), dir.path().join("file"));
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", &zero).unwrap();
        fs::write(&file, "text").unwrap();
        for path in [&pipe, &zero, &dir.path().to_path_buf()] {
            let error = read(path, SMALL).unwrap_err();
            assert!(error.to_string().contains("not a file"), "{}: {error}", path.display());
        }
        assert_eq!(*read_text(&file, 4).unwrap(), "text");
    }

    #[test]
    fn a_file_that_has_gigabytes_of_nothing_takes_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, SMALL).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
