//! Network keys that an operator brings: `[zwave] keys_file`, or a systemd credential of the same form.
//!
//! A file that others can change is refused: they could put keys of theirs in. One that others can only read is used, and
//! said in the log and by `latchkey check`: the network worked under these keys before, and locks that no longer open
//! because of a file's mode would be the greater harm.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::config::NetworkKeys;
use crate::files;
use crate::security::key_file::{InvalidKeyFile, KeyFile};

/// Six keys with their names take some 400 bytes.
const LONGEST: u64 = 16 * 1024;

/// Why the keys can't be used as they are. None of them is shown.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// There is no such file.
    #[error("zwave.keys_file: {0} does not exist; write the path of the file with the network's keys, or take the line away")]
    FileMissing(PathBuf),
    /// systemd gave no such credential.
    #[error(
        "zwave.credential: systemd gives no credential {0}; add LoadCredentialEncrypted={0}:… to the service, or take the line away"
    )]
    CredentialMissing(String),
    /// Other users of the machine can change the keys.
    #[error("other users can change the network keys in {path} (mode {mode:03o}); run `chmod 600 {path}`")]
    Changeable { path: PathBuf, mode: u32 },
    #[error("the network keys in {path} can't be read; give them to the user the daemon runs as")]
    Unreadable {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{path}: {why}")]
    Invalid {
        path: PathBuf,
        /// What is wrong with it.
        why: InvalidKeyFile,
    },
    /// A folder, a pipe or a device.
    #[error("{0} is not a file; write the path of the file with the network's keys")]
    NotAFile(PathBuf),
    #[error("{0} is too long for a file of network keys; write the path of the right one")]
    TooLong(PathBuf),
}

/// The keys that were brought.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Given {
    /// The keys; none where none are configured.
    pub keys: KeyFile,
    /// Other users can read them, too.
    pub exposed: Option<Exposed>,
}

/// A sentence for whoever looks after the machine.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("other users can read the network keys in {path} (mode {mode:03o}); run `chmod 600 {path}`")]
pub struct Exposed {
    path: PathBuf,
    mode: u32,
}

/// The keys that are configured. `credentials` is systemd's `$CREDENTIALS_DIRECTORY`.
pub fn given(configured: Option<&NetworkKeys>, credentials: Option<&Path>) -> Result<Given, KeysError> {
    match configured {
        None => Ok(Given::default()),
        Some(NetworkKeys::File(path)) => {
            let file = open(path, || KeysError::FileMissing(path.clone()))?;
            let mode = file.metadata().map_err(|source| unreadable(path, source))?.permissions().mode() & 0o777;
            if mode & 0o022 != 0 {
                return Err(KeysError::Changeable { path: path.clone(), mode });
            }
            let exposed = (mode & 0o044 != 0).then(|| Exposed { path: path.clone(), mode });
            Ok(Given { keys: read(file, path)?, exposed })
        }
        Some(NetworkKeys::Credential(name)) => {
            let missing = || KeysError::CredentialMissing(name.clone());
            let path = credentials.ok_or_else(missing)?.join(name);
            // systemd made this file and its permissions.
            Ok(Given { keys: read(open(&path, missing)?, &path)?, exposed: None })
        }
    }
}

fn open(path: &Path, missing: impl FnOnce() -> KeysError) -> Result<File, KeysError> {
    files::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => missing(),
        io::ErrorKind::InvalidInput => KeysError::NotAFile(path.into()),
        _ => unreadable(path, source),
    })
}

fn read(file: File, path: &Path) -> Result<KeyFile, KeysError> {
    let bytes = files::read_open(file, LONGEST).map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => KeysError::TooLong(path.into()),
        _ => unreadable(path, source),
    })?;
    let text =
        str::from_utf8(&bytes).map_err(|_| KeysError::Invalid { path: path.into(), why: InvalidKeyFile::NotJson { line: 1 } })?;
    KeyFile::parse(text).map_err(|why| KeysError::Invalid { path: path.into(), why })
}

fn unreadable(path: &Path, source: io::Error) -> KeysError {
    KeysError::Unreadable { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::security::keys::KeyId;

    const KEY: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";

    /// A file of that content and mode, and what is said about it.
    fn said(content: &str, mode: u32) -> Result<Given, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        given(Some(&NetworkKeys::File(path)), None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_file_is_read_and_nothing_configured_is_nothing() {
        let given_keys = said(&format!("{{\"S0_Legacy\": \"{KEY}\"}}"), 0o600).unwrap();
        assert!(given_keys.keys.get(KeyId::S0).is_some() && given_keys.exposed.is_none());
        assert_eq!(given(None, None).unwrap(), Given::default());
    }

    #[test]
    fn keys_others_can_change_are_refused_and_keys_they_can_read_are_told() {
        for (mode, refused) in [(0o640, false), (0o604, false), (0o444, false), (0o620, true), (0o602, true), (0o666, true)] {
            let given = said(&format!("{{\"S0_Legacy\": \"{KEY}\"}}"), mode);
            assert_eq!(given.is_err(), refused, "{mode:o}");
            let told = given.map_or_else(|told| told, |given| given.exposed.expect("readable").to_string());
            assert!(told.contains("chmod 600") && told.contains(&format!("{mode:o}")), "{told}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file_and_without_the_key() {
        let cases = [
            (format!("{{\"S0_Legacy\": \"{KEY}0\"}}"), "33 digits"),
            (format!("{{\"S0\": \"{KEY}\"}}"), "S0_Legacy, S2_Unauthenticated"),
            (KEY.repeat(1_000), "too long"),
            (format!("S0_Legacy = {KEY}"), "not JSON"),
        ];
        for (content, part) in cases {
            let told = said(&content, 0o600).unwrap_err();
            assert!(told.contains(part) && told.contains("keys.json") && !told.contains("5ec2e7"), "{told}");
        }
        let told = given(Some(&NetworkKeys::File("/missing/keys.json".into())), None).unwrap_err().to_string();
        assert!(told.contains("/missing/keys.json does not exist"), "{told}");
    }

    #[test]
    fn a_credential_that_systemd_does_not_give_is_named() {
        let credentials = tempfile::tempdir().unwrap();
        let configured = NetworkKeys::Credential("zwave.keys".into());
        for directory in [None, Some(credentials.path())] {
            let told = given(Some(&configured), directory).unwrap_err().to_string();
            assert!(told.contains("LoadCredentialEncrypted=zwave.keys"), "{told}");
        }
        fs::write(credentials.path().join("zwave.keys"), format!("{{\"S0_Legacy\": \"{KEY}\"}}")).unwrap();
        assert!(!given(Some(&configured), Some(credentials.path())).unwrap().keys.is_empty());
    }
}
