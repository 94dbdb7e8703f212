//! `/api/devices`. A device is named by its slug or its id.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::api::{Api, Who};
use super::body::Json;
use super::problem::Problem;
use crate::bridge::ask;
use crate::domain::intent::Intent;
use crate::view::{DeviceView, Page};

/// `GET /api/devices`.
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<Page<DeviceView>>, Problem> {
    api.view(who, ask::Devices).await
}

/// `GET /api/devices/{device}`.
pub async fn show(State(api): State<Api>, who: Who, Path(device): Path<String>) -> Result<axum::Json<DeviceView>, Problem> {
    api.find(who, ask::Device(device)).await
}

/// `POST /api/devices/{device}/lock`.
pub async fn lock(State(api): State<Api>, who: Who, Path(device): Path<String>) -> Result<Response, Problem> {
    api.change(who, Intent::Lock(device)).await
}

/// `POST /api/devices/{device}/unlock`.
pub async fn unlock(State(api): State<Api>, who: Who, Path(device): Path<String>) -> Result<Response, Problem> {
    api.change(who, Intent::Unlock(device)).await
}

/// `POST /api/devices/{device}/check`: every slot is read again.
pub async fn check(State(api): State<Api>, who: Who, Path(device): Path<String>) -> Result<Response, Problem> {
    api.change(who, Intent::Check(device)).await
}

/// Body of `PATCH /api/devices/{device}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    name: String,
    slug: Option<String>,
}

/// `PATCH /api/devices/{device}`.
pub async fn rename(
    State(api): State<Api>,
    who: Who,
    Path(device): Path<String>,
    Json(Rename { name, slug }): Json<Rename>,
) -> Result<Response, Problem> {
    api.change(who, Intent::Rename { device, name, slug }).await
}
