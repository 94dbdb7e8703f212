//! People by what they are called.

use serde_json::Value;

use super::client::Client;
use super::failure::Failure;
use super::table::printable;
use super::words::{items, text};
use crate::domain::ids::PersonId;

/// The id of the person that was meant: an id, or a name that only one person has.
pub async fn person_id(client: &Client, wanted: &str) -> Result<String, Failure> {
    if let Ok(id) = wanted.parse::<PersonId>() {
        return Ok(id.to_string());
    }
    let people = client.get("/api/people").await?;
    choose(items(&people, "items"), wanted)
}

/// The full name goes before a first, last or external name that would do as well.
fn choose(people: &[Value], wanted: &str) -> Result<String, Failure> {
    let typed = wanted.trim();
    let wanted = typed.to_lowercase();
    let staying: Vec<&Value> =
        people.iter().filter(|person| person.get("removing").and_then(Value::as_bool) != Some(true)).collect();
    let full: Vec<&Value> = staying.iter().copied().filter(|person| name(person).to_lowercase() == wanted).collect();
    let part =
        |person: &Value| ["first_name", "last_name", "external_id"].iter().any(|key| text(person, key).to_lowercase() == wanted);
    let found = if full.is_empty() { staying.into_iter().filter(|person| part(person)).collect() } else { full };
    match found.as_slice() {
        [person] => Ok(text(person, "id").to_owned()),
        [] => Err(Failure::Refused(format!("nobody is called {}; `latchkey people list` shows everybody", printable(typed)))),
        several => {
            let list: Vec<String> =
                several.iter().map(|person| format!("{} ({})", text(person, "id"), printable(&name(person)))).collect();
            Err(Failure::Refused(format!("{} people fit; give one of these ids: {}", list.len(), list.join(", "))))
        }
    }
}

/// First and last name.
pub fn name(person: &Value) -> String {
    format!("{} {}", text(person, "first_name"), text(person, "last_name")).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn people() -> Vec<Value> {
        vec![
            json!({ "id": "1", "first_name": "Ada", "last_name": "Lovelace", "external_id": null }),
            json!({ "id": "2", "first_name": "Ada", "last_name": "Byron", "external_id": "b-7" }),
            json!({ "id": "3", "first_name": "Ada", "last_name": "Byron", "removing": true }),
        ]
    }

    #[test]
    fn a_name_that_two_people_have_is_never_guessed() {
        let refused = choose(&people(), "ada").unwrap_err().to_string();
        assert_eq!(refused, "2 people fit; give one of these ids: 1 (Ada Lovelace), 2 (Ada Byron)");
    }

    #[test]
    fn one_person_is_found_by_any_name_and_somebody_on_the_way_out_is_not() {
        assert_eq!(choose(&people(), "LOVELACE").as_deref(), Ok("1"));
        assert_eq!(choose(&people(), " Ada Byron").as_deref(), Ok("2"));
        assert_eq!(choose(&people(), "b-7").as_deref(), Ok("2"));
        assert!(choose(&people(), "Grace").is_err());
    }
}
