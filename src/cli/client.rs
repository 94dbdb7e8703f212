//! Asks the daemon: one HTTP request over the Unix socket, one answer.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::view::ProblemDocument;

/// The largest answer that is read.
const LIMIT: usize = 64 * 1024 * 1024;

/// Where the daemon listens. Every request has a connection of its own: a daemon that restarts is found again.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// An answer that is not an error.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer<T> {
    /// This.
    Found(T),
    /// There is no such thing, or no longer; what the daemon said.
    NotFound(String),
}

/// A view as this version understands it, and as it came: a later daemon may show more.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen<T> {
    /// For `--json`.
    pub json: Value,
    /// For people.
    pub view: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Seen<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let view = T::deserialize(&json).map_err(D::Error::custom)?;
        Ok(Self { json, view })
    }
}

impl Client {
    /// Asks at that socket.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Reads something that must be there.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::GET, path, None).await
    }

    /// Reads something that may be gone.
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, Failure> {
        let response = self.send(Method::GET, path, None, None).await?;
        self.answer(response).await
    }

    /// Changes something.
    pub async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let response = self.send(method, path, body, None).await?;
        self.found(response).await
    }

    /// Changes something by a body of JSON that has secrets in it, and is wiped once it was sent.
    pub async fn call_secretly<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<T, Failure> {
        let response = self.send(method, path, Some(Bytes::from_owner(Wiped(body))), None).await?;
        self.found(response).await
    }

    /// Opens a stream of server-sent events, after the event with the id `last` if one is given.
    pub async fn stream(&self, path: &str, last: Option<&str>) -> Result<Incoming, Failure> {
        let response = self.send(Method::GET, path, None, last).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let detail = match self.answer::<Value>(response).await? {
            Answer::NotFound(detail) => detail,
            Answer::Found(_) => "the daemon gave no stream".into(),
        };
        Err(Failure::Refused(detail))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        last: Option<&str>,
    ) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let broken = |error: hyper::Error| Failure::Unreachable(format!("the daemon broke off ({error}); see its log"));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, "latchkey");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Full::new(body.unwrap_or_default()));
        let request = request.map_err(|error| Failure::Usage(format!("that can't be asked: {error}")))?;
        sender.send_request(request).await.map_err(broken)
    }

    async fn found<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Result<T, Failure> {
        match self.answer(response).await? {
            Answer::Found(found) => Ok(found),
            Answer::NotFound(detail) => Err(Failure::Refused(detail)),
        }
    }

    async fn answer<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Result<Answer<T>, Failure> {
        let status = response.status();
        let body = Limited::new(response.into_body(), LIMIT).collect().await.map_err(|_| self.garbled())?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map(Answer::Found).map_err(|_| self.garbled());
        }
        let ProblemDocument { detail, .. } = serde_json::from_slice(&body).map_err(|_| self.garbled())?;
        if status == hyper::StatusCode::NOT_FOUND { Ok(Answer::NotFound(detail)) } else { Err(Failure::Refused(detail)) }
    }

    /// The answer is none that this version understands.
    pub fn garbled(&self) -> Failure {
        Failure::Refused(format!("the answer from {} makes no sense", self.socket.display()))
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "join the group latchkey, or ask as root",
            _ => "start it (systemctl start latchkey), or name its socket with --socket",
        };
        Failure::Unreachable(format!("the daemon can't be reached at {}: {error}; {remedy}", self.socket.display()))
    }
}

struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A text as one segment of a path, or one value of a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    // A segment of dots would be taken for a way up or nowhere.
    if encoded.chars().all(|c| c == '.') { encoded.replace('.', "%2E") } else { encoded }
}
