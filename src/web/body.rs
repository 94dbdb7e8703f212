//! Bodies of requests: bounded in size and time, JSON, and careful with codes.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::problem::Problem;
use crate::domain::intent::CodeChoice;
use crate::domain::pin::{InvalidPin, Pin};

/// The largest body that is read in general.
pub const LIMIT: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body of JSON. An empty body is `{}`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        json(request.into_body(), LIMIT).await.map(Self)
    }
}

/// A body of JSON of at most `limit` bytes, for the one that is longer than others. An empty body is `{}`.
pub async fn json<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, Problem> {
    let bytes = read(body, limit).await?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text)
        .map_err(|error| Problem::bad_request(format!("the body is not the JSON that belongs here: {error}")))
}

async fn read(body: Body, limit: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(Zeroizing::new(bytes.into())),
        Ok(Err(_)) => Err(Problem {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            kind: "too-large",
            detail: format!("the body is broken off or has more than {limit} bytes"),
        }),
        Err(_) => Err(Problem {
            status: StatusCode::REQUEST_TIMEOUT,
            kind: "timeout",
            detail: format!("the body did not arrive within {} s", PATIENCE.as_secs()),
        }),
    }
}

/// A secret as a person types it, in a body. One of the wrong form is kept as such, so that no JSON error can repeat it.
#[derive(Clone, Debug)]
pub struct Typed<T, E>(pub Result<T, E>);

/// What can be typed.
pub trait Secret<E>: Sized {
    /// What the JSON must have in its place.
    const FORM: &'static str;

    fn read(text: &str) -> Result<Self, E>;
}

impl<'de, T: Secret<E>, E> Deserialize<'de> for Typed<T, E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(T::read(&Zeroizing::new(text)))),
            _ => Err(D::Error::custom(T::FORM)),
        }
    }
}

/// `"code": "482913"`.
pub type TypedCode = Typed<Pin, InvalidPin>;

impl Secret<InvalidPin> for Pin {
    const FORM: &'static str = "code must be digits in quotes";

    fn read(text: &str) -> Result<Self, InvalidPin> {
        Self::parse(text)
    }
}

/// `"generate": true`, or how many digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Generate {
    /// `true`: the ticked devices decide how long. `false`: no.
    Wanted(bool),
    Digits(u8),
}

/// The code that a body asks for, if any.
pub fn code_choice(code: Option<TypedCode>, generate: Option<Generate>) -> Result<Option<CodeChoice>, Problem> {
    let generated = match generate {
        None | Some(Generate::Wanted(false)) => None,
        Some(Generate::Wanted(true)) => Some(CodeChoice::Generate(None)),
        Some(Generate::Digits(digits @ 4..=10)) => Some(CodeChoice::Generate(Some(digits))),
        Some(Generate::Digits(_)) => return Err(InvalidPin::Length.into()),
    };
    match (code, generated) {
        (None, generated) => Ok(generated),
        (Some(_), Some(_)) => Err(Problem::bad_request("give a code or let one be generated, not both")),
        (Some(Typed(code)), None) => Ok(Some(CodeChoice::Given(code?))),
    }
}
