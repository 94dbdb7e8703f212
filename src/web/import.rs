//! `/api/network/import-zwave-js` and `/api/network/keys/export`: the two places where network keys pass. Served on the Unix
//! socket only, and nothing of them shows in an error.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::api::{Api, Who};
use super::body;
use super::problem::Problem;
use crate::bridge::ask;
use crate::domain::intent::Intent;
use crate::import::wire::Incoming;
use crate::security::key_file::KeyFile;

/// The largest network that is taken over: four hundred nodes have half of it.
const LIMIT: usize = 2 * 1024 * 1024;

/// `POST /api/network/import-zwave-js`: what the files said, see [`crate::import::wire`].
pub async fn zwave_js(State(api): State<Api>, who: Who, request: Request) -> Result<Response, Problem> {
    let Incoming(takeover) = body::json(request.into_body(), LIMIT).await?;
    api.change(who, Intent::ImportNetwork(Box::new(takeover))).await
}

/// At the other end of the socket is root, or the user the daemon runs as: those who could read the keys anyway.
#[derive(Clone, Copy, Debug)]
pub struct Keyholder;

/// `POST /api/network/keys/export`: the six keys, as `zwave.keys_file` has them. Who asked is written down. The group that may
/// use the socket may not have them: with these keys every lock can be opened by radio from outside, forever.
pub async fn export_keys(State(api): State<Api>, who: Who, keyholder: Option<Extension<Keyholder>>) -> Result<Response, Problem> {
    if keyholder.is_none() {
        return Err(Problem {
            status: StatusCode::FORBIDDEN,
            kind: "forbidden",
            detail: "the network keys are for root and the user the daemon runs as only; ask as root".into(),
        });
    }
    let keys = api.ask(who, ask::ExportKeys).await?;
    let mut response = Response::new(Body::from(Bytes::from_owner(Wiped(KeyFile::write(&keys)))));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A body that is wiped once it was sent.
struct Wiped(zeroize::Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
