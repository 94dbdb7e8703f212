//! Certificates for one test, made with `openssl`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Two authorities; a server for `localhost` and a client, both signed by the first.
pub struct Pki {
    dir: TempDir,
}

impl Pki {
    pub fn new() -> Self {
        let pki = Self { dir: tempfile::tempdir().unwrap() };
        for ca in ["ca", "other_ca"] {
            let subject = format!("/CN={ca}");
            pki.openssl(&format!("req -x509 {KEY} -keyout {ca}.key -out {ca}.pem -days 2 -subj {subject}"));
        }
        std::fs::write(pki.path("server.ext"), "subjectAltName=DNS:localhost\n").unwrap();
        std::fs::write(pki.path("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
        for name in ["server", "client"] {
            pki.openssl(&format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
            let signed_by = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
            pki.openssl(&format!("x509 -req -in {name}.csr {signed_by} -extfile {name}.ext -out {name}.pem"));
        }
        pki
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn openssl(&self, line: &str) {
        let mut command = Command::new("openssl");
        command.current_dir(self.dir.path()).args(line.split(' ')).stderr(Stdio::null());
        assert!(command.status().expect("install openssl to run this test").success(), "openssl {line}");
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
