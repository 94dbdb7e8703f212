//! `/api/network/…`: who comes into the Z-Wave network, and who leaves it. A PIN, and the text of a QR code, are taken in and
//! never repeated.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::{Deserialize, Serialize};

use super::api::{Api, Who};
use super::body::{Json, Secret, Typed};
use super::handle::Queued;
use super::problem::Problem;
use crate::bridge::ask;
use crate::bridge::membership::{Expect, Interview, MembersAsk, Target, Unexpect, Wanted};
use crate::domain::ids::NodeId;
use crate::domain::intent::Intent;
use crate::domain::node::SecurityClass;
use crate::domain::provisioning::{Label, ScannedProduct};
use crate::network::inclusion::{JoinSecurity, Terms};
use crate::security::dsk::InvalidDskPin;
use crate::security::key_exchange::DskPin;
use crate::security::keys::KeyMask;
use crate::security::qr::{InvalidQr, QrCode, QrVersion};
use crate::view::{CurrentChange, Page, ProvisionedView};

/// Every route of this module.
pub fn routes() -> axum::Router<Api> {
    axum::Router::new()
        .route("/api/network/change", get(change))
        .route("/api/network/change/pin", post(enter_pin))
        .route("/api/network/change/keys", post(grant_keys))
        .route("/api/network/change/cancel", post(cancel))
        .route("/api/network/nodes/{node}/interview", post(interview))
        .route("/api/network/include", post(include))
        .route("/api/network/exclude", post(exclude))
        .route("/api/network/remove-failed", post(remove_failed))
        .route("/api/network/replace-failed", post(replace_failed))
        .route("/api/network/smartstart", get(expected).post(expect))
        .route("/api/network/smartstart/{id}", delete(unexpect))
        .route("/api/devices/{device}/replace", post(replace_device))
        .route("/api/devices/{device}/allow-insecure", post(allow_insecure))
}

/// `"pin": "12345"`.
type TypedPin = Typed<DskPin, InvalidDskPin>;

impl Secret<InvalidDskPin> for DskPin {
    const FORM: &'static str = "pin must be five digits in quotes";

    fn read(text: &str) -> Result<Self, InvalidDskPin> {
        Self::parse(text)
    }
}

/// `"qr": "9001…"`: the PIN is in it.
type Scanned = Typed<QrCode, InvalidQr>;

impl Secret<InvalidQr> for QrCode {
    const FORM: &'static str = "qr must be the digits of the code in quotes";

    fn read(text: &str) -> Result<Self, InvalidQr> {
        Self::parse(text)
    }
}

/// `"security"`: how a device is to be protected.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// S2 if the device has it, else S0.
    #[default]
    Best,
    /// S0, also where the device has S2.
    S0,
    Insecure,
}

impl Security {
    fn protection(self) -> JoinSecurity {
        match self {
            Self::Best => JoinSecurity::Best,
            Self::S0 => JoinSecurity::S0,
            Self::Insecure => JoinSecurity::Insecure,
        }
    }
}

/// Body of `POST /api/network/include`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Include {
    #[serde(default)]
    security: Security,
    pin: Option<TypedPin>,
    name: Option<String>,
}

async fn include(State(api): State<Api>, who: Who, Json(body): Json<Include>) -> Result<Response, Problem> {
    let terms = terms(body.security, body.pin)?;
    begin(api, who, Wanted::Include { terms, name: body.name }).await
}

/// A body that says nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn exclude(State(api): State<Api>, who: Who, Json(Nothing {}): Json<Nothing>) -> Result<Response, Problem> {
    begin(api, who, Wanted::Exclude).await
}

/// Body of `POST /api/network/remove-failed`: one of both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveFailed {
    node: Option<NodeId>,
    device: Option<String>,
}

async fn remove_failed(State(api): State<Api>, who: Who, Json(body): Json<RemoveFailed>) -> Result<Response, Problem> {
    let target = target(body.node, body.device)?;
    begin(api, who, Wanted::RemoveFailed(target)).await
}

/// Body of `POST /api/network/replace-failed`: a node or a device, and the terms for its successor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceFailed {
    node: Option<NodeId>,
    device: Option<String>,
    #[serde(default)]
    security: Security,
    pin: Option<TypedPin>,
}

async fn replace_failed(State(api): State<Api>, who: Who, Json(body): Json<ReplaceFailed>) -> Result<Response, Problem> {
    let target = target(body.node, body.device)?;
    let terms = terms(body.security, body.pin)?;
    begin(api, who, Wanted::ReplaceFailed(target, terms)).await
}

async fn change(State(api): State<Api>, who: Who) -> Result<axum::Json<CurrentChange>, Problem> {
    api.view(who, ask::Change).await
}

/// Body of `POST /api/network/change/pin`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnterPin {
    pin: TypedPin,
}

async fn enter_pin(State(api): State<Api>, who: Who, Json(body): Json<EnterPin>) -> Result<Response, Problem> {
    let pin = body.pin.0?;
    taken(api, who, MembersAsk::Pin(pin)).await
}

/// Body of `POST /api/network/change/keys`: those that the device gets; none is "no".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantKeys {
    keys: Vec<SecurityClass>,
}

async fn grant_keys(State(api): State<Api>, who: Who, Json(body): Json<GrantKeys>) -> Result<Response, Problem> {
    let keys = body.keys.into_iter().fold(KeyMask::NONE, |keys, class| keys | KeyMask::of(class));
    taken(api, who, MembersAsk::Grant(keys)).await
}

async fn interview(State(api): State<Api>, who: Who, Path(node): Path<String>) -> Result<Response, Problem> {
    let node =
        node.parse().map_err(|_| Problem::not_found("no node has that number; `latchkey network status` lists the nodes"))?;
    taken(api, who, Interview(NodeId(node))).await
}

async fn cancel(State(api): State<Api>, who: Who, Json(Nothing {}): Json<Nothing>) -> Result<Response, Problem> {
    taken(api, who, MembersAsk::Cancel).await
}

async fn expected(State(api): State<Api>, who: Who) -> Result<axum::Json<Page<ProvisionedView>>, Problem> {
    api.view(who, ask::Expected).await
}

/// Body of `POST /api/network/smartstart`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    qr: Scanned,
    name: Option<String>,
    /// Over the mesh, also where the device could do Long Range.
    #[serde(default)]
    classic: bool,
}

async fn expect(State(api): State<Api>, who: Who, Json(body): Json<Scan>) -> Result<Response, Problem> {
    let code = body.qr.0?;
    if code.version == QrVersion::S2 {
        let why = "this QR code is not for SmartStart: the device waits for somebody to start its inclusion; include it by hand \
                   with its PIN (`latchkey network include --pin -`)";
        return Err(bad_qr(why));
    }
    let label = Label {
        keys: KeyMask(code.requested.0) & KeyMask::KNOWN,
        long_range: !body.classic && code.protocols.is_some_and(|protocols| protocols.long_range),
        product: ScannedProduct::new(code.product_type, code.product_id),
        dsk: code.dsk,
    };
    Ok((StatusCode::CREATED, api.view(who, Expect { label, name: body.name }).await?).into_response())
}

async fn unexpect(State(api): State<Api>, who: Who, Path(id): Path<String>) -> Result<axum::Json<ProvisionedView>, Problem> {
    let id =
        id.parse().map_err(|_| Problem::not_found("no device on the list has that id; `latchkey network smartstart list`"))?;
    api.find(who, Unexpect(id)).await
}

/// Body of `POST /api/devices/{device}/replace`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    with: String,
}

async fn replace_device(
    State(api): State<Api>,
    who: Who,
    Path(old): Path<String>,
    Json(Replace { with }): Json<Replace>,
) -> Result<Response, Problem> {
    api.change(who, Intent::ReplaceDevice { old, new: with }).await
}

async fn allow_insecure(State(api): State<Api>, who: Who, Path(device): Path<String>) -> Result<Response, Problem> {
    api.change(who, Intent::AllowInsecure(device)).await
}

/// `DELETE /api/devices/{device}`.
pub async fn remove_device(State(api): State<Api>, who: Who, Path(device): Path<String>) -> Result<Response, Problem> {
    api.change(who, Intent::RemoveDevice(device)).await
}

async fn begin(api: Api, who: Who, wanted: Wanted) -> Result<Response, Problem> {
    taken(api, who, MembersAsk::Begin(wanted)).await
}

/// `202`: it began, or the answer was passed on.
async fn taken<Q: Queued<Answer: Serialize>>(api: Api, who: Who, question: Q) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, api.view(who, question).await?).into_response())
}

fn terms(security: Security, pin: Option<TypedPin>) -> Result<Terms, Problem> {
    let pin = pin.map(|Typed(pin)| pin).transpose()?;
    Ok(Terms { security: security.protection(), pin })
}

fn target(node: Option<NodeId>, device: Option<String>) -> Result<Target, Problem> {
    match (node, device) {
        (Some(node), None) => Ok(Target::Node(node)),
        (None, Some(device)) => Ok(Target::Device(device)),
        (None, None) | (Some(_), Some(_)) => Err(Problem::bad_request("name a node or a device, and not both")),
    }
}

fn bad_qr(detail: impl Into<String>) -> Problem {
    Problem { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "bad-qr", detail: detail.into() }
}

impl From<InvalidDskPin> for Problem {
    fn from(invalid: InvalidDskPin) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "bad-pin", detail: invalid.to_string() }
    }
}

impl From<InvalidQr> for Problem {
    fn from(invalid: InvalidQr) -> Self {
        bad_qr(invalid.to_string())
    }
}
