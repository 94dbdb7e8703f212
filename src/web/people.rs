//! `/api/people` and their grants.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Deserializer};

use super::api::{Api, Who};
use super::body::{Generate, Json, TypedCode, code_choice};
use super::problem::Problem;
use crate::bridge::ask;
use crate::domain::grant::Schedule;
use crate::domain::ids::PersonId;
use crate::domain::intent::{Intent, NewPerson, PersonChange, Refusal};
use crate::domain::person::Contacts;
use crate::view::{GrantView, Page, PersonView};

/// `GET /api/people`.
pub async fn list(State(api): State<Api>, who: Who) -> Result<axum::Json<Page<PersonView>>, Problem> {
    api.view(who, ask::People).await
}

/// `GET /api/people/{id}`.
pub async fn show(State(api): State<Api>, who: Who, Path(person): Path<String>) -> Result<axum::Json<PersonView>, Problem> {
    let id = person_id(&person)?;
    api.find(who, ask::Person(id)).await
}

/// `GET /api/grants/{id}`. Not found once the code is out of the lock and the grant is gone.
pub async fn show_grant(State(api): State<Api>, who: Who, Path(grant): Path<String>) -> Result<axum::Json<GrantView>, Problem> {
    let id = grant.parse().map_err(|_| Problem::not_found("that is not the id of a grant"))?;
    api.find(who, ask::Grant(id)).await
}

/// Body of `POST /api/people`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddPerson {
    first_name: String,
    #[serde(default)]
    last_name: String,
    external_id: Option<String>,
    #[serde(default)]
    contacts: Contacts,
    code: Option<TypedCode>,
    generate: Option<Generate>,
    #[serde(default)]
    on: Vec<String>,
    #[serde(default)]
    schedule: Schedule,
}

/// `POST /api/people`.
pub async fn add(State(api): State<Api>, who: Who, Json(body): Json<AddPerson>) -> Result<Response, Problem> {
    let new = NewPerson {
        external_id: body.external_id,
        first_name: body.first_name,
        last_name: body.last_name,
        contacts: body.contacts,
        code: code_choice(body.code, body.generate)?,
        on: body.on,
        schedule: body.schedule,
    };
    api.change(who, Intent::AddPerson(new)).await
}

/// Body of `PATCH /api/people/{id}`: what is not named stays as it is; `null` takes it away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditPerson {
    first_name: Option<String>,
    last_name: Option<String>,
    #[serde(default, deserialize_with = "named")]
    external_id: Option<Option<String>>,
    #[serde(default)]
    contacts: EditContacts,
    code: Option<TypedCode>,
    generate: Option<Generate>,
    enabled: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct EditContacts {
    #[serde(deserialize_with = "named")]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "named")]
    mobile: Option<Option<String>>,
}

/// Tells a field that is `null` from one that is not there.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `PATCH /api/people/{id}`.
pub async fn edit(
    State(api): State<Api>,
    who: Who,
    Path(person): Path<String>,
    Json(body): Json<EditPerson>,
) -> Result<Response, Problem> {
    let id = person_id(&person)?;
    let change = PersonChange {
        first_name: body.first_name,
        last_name: body.last_name,
        external_id: body.external_id,
        email: body.contacts.email.map(Option::unwrap_or_default),
        mobile: body.contacts.mobile.map(Option::unwrap_or_default),
        code: code_choice(body.code, body.generate)?,
        enabled: body.enabled,
    };
    api.change(who, Intent::EditPerson(id, change)).await
}

/// `DELETE /api/people/{id}`.
pub async fn remove(State(api): State<Api>, who: Who, Path(person): Path<String>) -> Result<Response, Problem> {
    let id = person_id(&person)?;
    api.change(who, Intent::RemovePerson(id)).await
}

/// Body of `PUT /api/people/{id}/grants/{device}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    #[serde(default)]
    schedule: Schedule,
}

/// `PUT /api/people/{id}/grants/{device}`.
pub async fn grant(
    State(api): State<Api>,
    who: Who,
    Path((person, device)): Path<(String, String)>,
    Json(body): Json<GrantBody>,
) -> Result<Response, Problem> {
    let person = person_id(&person)?;
    api.change(who, Intent::Grant { person, device, schedule: body.schedule }).await
}

/// `DELETE /api/people/{id}/grants/{device}`.
pub async fn revoke(
    State(api): State<Api>,
    who: Who,
    Path((person, device)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let person = person_id(&person)?;
    api.change(who, Intent::Revoke { person, device }).await
}

fn person_id(text: &str) -> Result<PersonId, Problem> {
    text.parse().map_err(|_| Refusal::UnknownPerson(text.to_owned()).into())
}
