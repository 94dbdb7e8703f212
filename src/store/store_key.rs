//! Where the store key comes from, and how it is born.
//!
//! The key is 32 bytes: in a systemd credential named `store.key`, else in the key file. Either may hold the bytes
//! themselves or 64 hexadecimal digits; the file we make holds digits, which survive being printed and typed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::domain::entropy::Entropy;

use super::error::{KeySource, OpenError};
use super::files;

/// The name of the systemd credential.
const CREDENTIAL: &str = "store.key";

/// The key every sealed value in the database is under.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key with these bytes.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes. Only to derive keys from.
    pub(super) fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that is there: the credential's, else the file's. `None` where there is neither.
    pub(super) fn find(credentials: Option<&Path>, key_file: &Path) -> Result<Option<(Self, KeySource)>, OpenError> {
        if let Some(credential) = credentials.map(|directory| directory.join(CREDENTIAL))
            && let Some(file) = open_if_there(&credential)?
        {
            // systemd made this file and its permissions.
            let key = Self::read(file, &credential)?;
            return Ok(Some((key, KeySource::Credential(credential))));
        }

        let Some(file) = open_if_there(key_file)? else { return Ok(None) };
        let mode = file.metadata().map_err(|error| OpenError::from_io(key_file, error))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(OpenError::KeyExposed { path: key_file.into(), mode });
        }
        let key = Self::read(file, key_file)?;
        Ok(Some((key, KeySource::File(key_file.into()))))
    }

    /// Makes a new key at `key_file`. A power cut leaves either the whole key or none; a file that is there is never
    /// overwritten.
    pub(super) fn bear(key_file: &Path, entropy: &Entropy) -> Result<Self, OpenError> {
        let error = |error| OpenError::from_io(key_file, error);
        files::require_directory(key_file)?;

        let key = Self(entropy.child("store/key").bytes());
        let text: Zeroizing<String> = Zeroizing::new(key.0.iter().map(|byte| format!("{byte:02x}")).collect());
        let unfinished = key_file.with_added_extension("new");
        remove_if_there(&unfinished).map_err(error)?;
        let mut file = files::create_private(&unfinished).map_err(error)?;
        writeln!(file, "{}", *text).and_then(|()| file.sync_all()).map_err(error)?;

        // A hard link fails where a rename would overwrite: whoever was first keeps their key.
        let linked = fs::hard_link(&unfinished, key_file);
        remove_if_there(&unfinished).map_err(error)?;
        linked.map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => {
                OpenError::KeyUnbirthable { path: key_file.into(), source }
            }
            _ => error(source),
        })?;
        files::sync_directory(key_file).map_err(error)?;
        Ok(key)
    }

    fn read(file: File, path: &Path) -> Result<Self, OpenError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        file.take(256).read_to_end(&mut bytes).map_err(|error| OpenError::from_io(path, error))?;
        parse(&bytes).ok_or_else(|| OpenError::KeyMalformed(path.into()))
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

fn parse(bytes: &[u8]) -> Option<StoreKey> {
    if let Ok(raw) = bytes.try_into() {
        return Some(StoreKey(raw));
    }
    let digits = bytes.trim_ascii();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut key = StoreKey([0; 32]);
    for (byte, pair) in key.0.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

fn open_if_there(path: &Path) -> Result<Option<File>, OpenError> {
    match crate::files::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::from_io(path, error)),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_born_whole_and_private_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.key");
        fs::write(path.with_added_extension("new"), "half a key of an earlier start").unwrap();

        let born = StoreKey::bear(&path, &Entropy::from_number(1)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the unfinished file is gone");
        let (found, source) = StoreKey::find(None, &path).unwrap().unwrap();
        assert_eq!((found.reveal(), source), (born.reveal(), KeySource::File(path.clone())));

        let before = fs::read(&path).unwrap();
        StoreKey::bear(&path, &Entropy::from_number(2)).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_key_others_can_read_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.key");
        fs::write(&path, [7; 32]).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = StoreKey::find(None, &path).unwrap_err();
            assert!(matches!(error, OpenError::KeyExposed { mode: found, .. } if found == mode));
            assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
    }

    #[test]
    fn the_credential_goes_before_the_file_and_its_absence_falls_back() {
        let (credentials, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = dir.path().join("store.key");
        StoreKey::bear(&path, &Entropy::from_number(1)).unwrap();
        let find = || StoreKey::find(Some(credentials.path()), &path).unwrap().unwrap();
        assert!(matches!(find().1, KeySource::File(_)));

        fs::write(credentials.path().join("store.key"), format!("{}\n", "AB".repeat(32))).unwrap();
        let (key, source) = find();
        assert!(matches!(source, KeySource::Credential(_)));
        assert_eq!(key.reveal(), &[0xab; 32]);
    }

    #[test]
    fn something_else_in_the_key_file_is_not_taken_for_a_key() {
        for text in ["", "correct horse battery staple", &"0".repeat(63), &"+f".repeat(32), &"0".repeat(128)] {
            assert!(parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
