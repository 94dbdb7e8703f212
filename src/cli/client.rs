//! Asks the daemon: one HTTP request over the Unix socket, one answer.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::failure::Failure;

/// The largest answer that is read.
const LIMIT: usize = 64 * 1024 * 1024;

/// Where the daemon listens. Every request has a connection of its own: a daemon that restarts is found again.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// An answer that is not an error.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// JSON.
    Found(Value),
    /// There is no such thing, or no longer; what the daemon said.
    NotFound(String),
}

impl Client {
    /// Asks at that socket.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Reads something that must be there.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    /// Reads something that may be gone.
    pub async fn find(&self, path: &str) -> Result<Answer, Failure> {
        let response = self.send(Method::GET, path, None, None).await?;
        self.answer(response).await
    }

    /// Changes something.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let response = self.send(method, path, body, None).await?;
        match self.answer(response).await? {
            Answer::Found(value) => Ok(value),
            Answer::NotFound(detail) => Err(Failure::Refused(detail)),
        }
    }

    /// Changes something by a body of JSON that has secrets in it, and is wiped once it was sent.
    pub async fn call_secretly(&self, method: Method, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Value, Failure> {
        let response = self.send(method, path, Some(Bytes::from_owner(Wiped(body))), None).await?;
        match self.answer(response).await? {
            Answer::Found(value) => Ok(value),
            Answer::NotFound(detail) => Err(Failure::Refused(detail)),
        }
    }

    /// Opens a stream of server-sent events, after the event with the id `last` if one is given.
    pub async fn stream(&self, path: &str, last: Option<&str>) -> Result<Incoming, Failure> {
        let response = self.send(Method::GET, path, None, last).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let detail = match self.answer(response).await? {
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

    async fn answer(&self, response: Response<Incoming>) -> Result<Answer, Failure> {
        let status = response.status();
        let garbled = || Failure::Refused(format!("the answer from {} makes no sense", self.socket.display()));
        let body = Limited::new(response.into_body(), LIMIT).collect().await.map_err(|_| garbled())?.to_bytes();
        let value: Value = serde_json::from_slice(&body).map_err(|_| garbled())?;
        if status.is_success() {
            return Ok(Answer::Found(value));
        }
        let detail = value.get("detail").and_then(Value::as_str).ok_or_else(garbled)?.to_owned();
        if status == hyper::StatusCode::NOT_FOUND { Ok(Answer::NotFound(detail)) } else { Err(Failure::Refused(detail)) }
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
