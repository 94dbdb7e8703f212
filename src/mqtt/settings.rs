//! `[mqtt]` made ready: the address parsed, the password and certificates read, once, before the first connection.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::files;

use super::url::{BrokerUrl, InvalidBrokerUrl, UnlockRefused};

/// Where the broker is, how to log in, and who we are there.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// `mqtt.url`.
    pub url: String,
    /// `mqtt.username`.
    pub username: Option<String>,
    /// `mqtt.password_file`: its first line.
    pub password_file: Option<PathBuf>,
    /// `mqtt.ca_file`: PEM; without it the system's roots are trusted.
    pub ca_file: Option<PathBuf>,
    /// `mqtt.client_cert_file`: PEM, the whole chain.
    pub client_cert_file: Option<PathBuf>,
    /// `mqtt.client_key_file`: PEM.
    pub client_key_file: Option<PathBuf>,
    /// MQTT client id, made from the hub's id: two clients of one id throw each other out.
    pub client_id: String,
    /// Retained `online` on each connection, and `offline` as the last will, go here.
    pub state_topic: String,
    /// What to listen to: one topic filter at least.
    pub subscriptions: Vec<String>,
}

/// Settings that were read and can be used.
#[derive(Clone)]
pub struct Options {
    pub(super) url: BrokerUrl,
    pub(super) login: Option<Login>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) client_id: String,
    pub(super) state_topic: String,
    pub(super) subscriptions: Vec<String>,
    has_client_cert: bool,
}

/// User name and password.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// The settings can't be used. Each names the key and what to write.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// `mqtt.url` is no address of a broker.
    #[error(transparent)]
    Url(#[from] InvalidBrokerUrl),
    /// A password for nobody.
    #[error("mqtt.password_file is set without mqtt.username; set both")]
    NoUsername,
    /// The password file can't be read.
    #[error("mqtt.password_file: {path} can't be read; it must exist and be readable by the service's user")]
    PasswordFile { path: PathBuf, source: io::Error },
    /// The password file has no first line.
    #[error("mqtt.password_file: {0} is empty; write the password on its first line")]
    NoPassword(PathBuf),
    /// Certificates were given for a connection in clear.
    #[error("mqtt.{0} is set, but mqtt.url is not mqtts://; write mqtts://, or take mqtt.{0} away")]
    NotTls(&'static str),
    /// A PEM file can't be used.
    #[error("mqtt.{key}: {path} can't be read as PEM; it must exist, be readable by the service's user and hold {what}")]
    Pem {
        /// The key that names the file.
        key: &'static str,
        path: PathBuf,
        /// What is looked for.
        what: &'static str,
        source: pem::Error,
    },
    /// Half of a client certificate.
    #[error("mqtt.client_cert_file and mqtt.client_key_file belong together; set both")]
    HalfClientCert,
    /// The client certificate and its key don't fit.
    #[error("mqtt.client_cert_file and mqtt.client_key_file don't fit together")]
    ClientCert(#[source] rustls::Error),
    /// There is nothing to check the broker's certificate with.
    #[error("this system has no root certificates; set mqtt.ca_file, or install ca-certificates")]
    NoRoots,
}

impl Settings {
    /// Reads every file the settings name.
    pub fn read(&self) -> Result<Options, InvalidSettings> {
        let url: BrokerUrl = self.url.parse()?;
        let tls = if url.tls { Some(Arc::new(self.tls()?)) } else { None };
        if tls.is_none() {
            let files = [
                ("ca_file", &self.ca_file),
                ("client_cert_file", &self.client_cert_file),
                ("client_key_file", &self.client_key_file),
            ];
            if let Some((key, _)) = files.into_iter().find(|(_, file)| file.is_some()) {
                return Err(InvalidSettings::NotTls(key));
            }
        }
        Ok(Options {
            url,
            login: self.login()?,
            tls,
            client_id: self.client_id.clone(),
            state_topic: self.state_topic.clone(),
            subscriptions: self.subscriptions.clone(),
            has_client_cert: self.client_cert_file.is_some(),
        })
    }

    fn login(&self) -> Result<Option<Login>, InvalidSettings> {
        let Some(username) = self.username.clone() else {
            return if self.password_file.is_some() { Err(InvalidSettings::NoUsername) } else { Ok(None) };
        };
        let Some(path) = &self.password_file else {
            return Ok(Some(Login { username, password: String::new() }));
        };
        let text = files::read_text(path, files::SMALL);
        let text = text.map_err(|source| InvalidSettings::PasswordFile { path: path.clone(), source })?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        if password.is_empty() {
            return Err(InvalidSettings::NoPassword(path.clone()));
        }
        Ok(Some(Login { username, password }))
    }

    fn tls(&self) -> Result<ClientConfig, InvalidSettings> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(path) => {
                roots.add_parsable_certificates(certificates("ca_file", path)?);
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(InvalidSettings::NoRoots);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(InvalidSettings::ClientCert)?
            .with_root_certificates(roots);
        match (&self.client_cert_file, &self.client_key_file) {
            (None, None) => Ok(config.with_no_client_auth()),
            (Some(chain), Some(key)) => {
                let chain = certificates("client_cert_file", chain)?;
                let unusable =
                    |source| InvalidSettings::Pem { key: "client_key_file", path: key.clone(), what: "a private key", source };
                let bytes = files::read(key, files::SMALL).map_err(|error| unusable(pem::Error::Io(error)))?;
                let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(unusable)?;
                config.with_client_auth_cert(chain, key).map_err(InvalidSettings::ClientCert)
            }
            (Some(_), None) | (None, Some(_)) => Err(InvalidSettings::HalfClientCert),
        }
    }
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidSettings> {
    let unusable = |source| InvalidSettings::Pem { key, path: path.to_owned(), what: "certificates", source };
    let bytes = files::read(path, files::SMALL).map_err(|error| unusable(pem::Error::Io(error)))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(unusable)?;
    if found.is_empty() { Err(unusable(pem::Error::NoItemsFound)) } else { Ok(found) }
}

impl Options {
    /// Whether commands that open doors are taken from this broker.
    pub fn remote_unlock(&self) -> Result<(), UnlockRefused> {
        let password = self.login.as_ref().is_some_and(|login| !login.password.is_empty());
        self.url.remote_unlock(password || self.has_client_cert)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("url", &self.url).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &Settings) -> String {
        settings.read().unwrap_err().to_string()
    }

    fn at(url: &str) -> Settings {
        Settings { url: url.into(), ..Settings::default() }
    }

    #[test]
    fn a_wrong_setting_names_its_key_and_the_remedy() {
        let missing = Some(PathBuf::from("missing/file"));
        let local = at("mqtt://127.0.0.1");
        assert!(refused(&at("127.0.0.1")).contains("mqtt.url"));
        assert!(refused(&Settings { password_file: missing.clone(), ..local.clone() }).contains("mqtt.username"));
        let unreadable = Settings { username: Some("hub".into()), password_file: missing.clone(), ..local.clone() };
        assert!(refused(&unreadable).contains("missing/file can't be read"));
        assert!(refused(&Settings { ca_file: missing.clone(), ..local }).contains("write mqtts://"));
        let secure = at("mqtts://127.0.0.1");
        assert!(refused(&Settings { ca_file: missing.clone(), ..secure.clone() }).contains("mqtt.ca_file: missing/file"));
        let dir = tempfile::tempdir().unwrap();
        let not_pem = dir.path().join("ca.pem");
        std::fs::write(&not_pem, "no certificate").unwrap();
        assert!(refused(&Settings { ca_file: Some(not_pem), ..secure }).contains("certificates"));
    }

    #[test]
    fn the_password_is_the_first_line_and_never_shows() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "planted-secret\n").unwrap();
        let settings = Settings { username: Some("hub".into()), password_file: Some(file.clone()), ..at("mqtt://127.0.0.1") };
        let options = settings.read().unwrap();
        assert_eq!(options.login.as_ref().unwrap().password, "planted-secret");
        assert!(!format!("{options:?}").contains("planted-secret"));
        std::fs::write(&file, "\n").unwrap();
        assert!(refused(&settings).contains("is empty"));
    }

    #[test]
    fn a_user_name_without_a_password_opens_no_door() {
        let settings = Settings { username: Some("hub".into()), ..at("mqtt://127.0.0.1") };
        assert_eq!(settings.read().unwrap().remote_unlock(), Err(UnlockRefused::Anonymous));
    }
}
