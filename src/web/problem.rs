//! Errors as RFC 9457 problem documents. The `type` is stable: scripts and the command line tell cases apart by it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::intent::Refusal;
use crate::domain::pin::InvalidPin;
use crate::view::ProblemDocument;

/// Why a request was not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// The last part of the type's URN: `duplicate-code` of `urn:latchkey:duplicate-code`.
    pub kind: &'static str,
    /// What is wrong and what to do, for people. Never holds a code.
    pub detail: String,
}

impl Problem {
    /// The request itself can't be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad-request", detail: detail.into() }
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not-found", detail: detail.into() }
    }

    /// The daemon can't do it at this moment.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, kind: "store-unavailable", detail: detail.into() }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match &refusal {
            Refusal::UnknownPerson(_) => (StatusCode::NOT_FOUND, "unknown-person"),
            Refusal::UnknownDevice(_) => (StatusCode::NOT_FOUND, "unknown-device"),
            Refusal::WeakCode => (StatusCode::UNPROCESSABLE_ENTITY, "weak-code"),
            Refusal::DuplicateCode => (StatusCode::CONFLICT, "duplicate-code"),
            Refusal::CodeLength { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "code-length"),
            Refusal::NoSuitableCode => (StatusCode::UNPROCESSABLE_ENTITY, "no-suitable-code"),
            Refusal::NoCode => (StatusCode::UNPROCESSABLE_ENTITY, "no-code"),
            Refusal::LockFull(_) => (StatusCode::CONFLICT, "lock-full"),
            Refusal::NotALock(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-a-lock"),
            Refusal::BadText(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-text"),
            Refusal::ExternalIdTaken(_) => (StatusCode::CONFLICT, "external-id-taken"),
            Refusal::BadSlug(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-slug"),
            Refusal::TooManyOperations(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-operations"),
            Refusal::TooManyRefusals => (StatusCode::TOO_MANY_REQUESTS, "too-many-refusals"),
            Refusal::Import(refusal) => (StatusCode::CONFLICT, refusal.kind()),
            Refusal::Unreachable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unreachable"),
            Refusal::StickNotReady(_) => (StatusCode::SERVICE_UNAVAILABLE, "stick-not-ready"),
            Refusal::ChangeUnderWay(_) => (StatusCode::CONFLICT, "change-under-way"),
            Refusal::UnknownNode(_) => (StatusCode::NOT_FOUND, "unknown-node"),
            Refusal::NotSupported(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-supported"),
            Refusal::NoChange(_) => (StatusCode::CONFLICT, "no-change"),
            Refusal::NotAsked(_) => (StatusCode::CONFLICT, "not-asked"),
            Refusal::NotInNetwork(_) => (StatusCode::CONFLICT, "not-in-network"),
            Refusal::StillInNetwork(_) => (StatusCode::CONFLICT, "still-in-network"),
            Refusal::HasGrants(_) => (StatusCode::CONFLICT, "has-grants"),
            Refusal::SameDevice(_) => (StatusCode::UNPROCESSABLE_ENTITY, "same-device"),
            Refusal::IsSecure(_) => (StatusCode::CONFLICT, "is-secure"),
            Refusal::AlreadyExpected(_) => (StatusCode::CONFLICT, "already-expected"),
            Refusal::StoreUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store-unavailable"),
        };
        Self { status, kind, detail: refusal.to_string() }
    }
}

impl From<InvalidPin> for Problem {
    fn from(invalid: InvalidPin) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "bad-code", detail: invalid.to_string() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            kind: format!("urn:latchkey:{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        (self.status, [content_type], Json(document)).into_response()
    }
}

const CONTENT_TYPE: &str = "application/problem+json";

/// Makes a problem document of an error that the HTTP library worded itself (a path or query it can't read).
pub async fn word_errors(response: Response) -> Response {
    let status = response.status();
    let worded = response.headers().get(header::CONTENT_TYPE).is_some_and(|is| is == CONTENT_TYPE);
    if worded || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let kind = match status {
        StatusCode::METHOD_NOT_ALLOWED => "method-not-allowed",
        StatusCode::NOT_FOUND => "not-found",
        _ if status.is_client_error() => "bad-request",
        _ => "internal",
    };
    let mut answer = Problem { status, kind, detail: "the request can't be understood".into() }.into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}
