//! People by what they are called.

use super::client::Client;
use super::failure::Failure;
use super::table::printable;
use crate::domain::ids::PersonId;
use crate::view::{Page, PersonView};

/// The id of the person that was meant: an id, or a name that only one person has.
pub async fn person_id(client: &Client, wanted: &str) -> Result<PersonId, Failure> {
    if let Ok(id) = wanted.parse::<PersonId>() {
        return Ok(id);
    }
    let people: Page<PersonView> = client.get("/api/people").await?;
    choose(&people.items, wanted)
}

/// The full name goes before a first, last or external name that would do as well.
fn choose(people: &[PersonView], wanted: &str) -> Result<PersonId, Failure> {
    let typed = wanted.trim();
    let wanted = typed.to_lowercase();
    let staying: Vec<&PersonView> = people.iter().filter(|person| !person.removing).collect();
    let full: Vec<&PersonView> = staying.iter().copied().filter(|person| person.name().to_lowercase() == wanted).collect();
    let part = |person: &&PersonView| {
        let names = [Some(&person.first_name), Some(&person.last_name), person.external_id.as_ref()];
        names.into_iter().flatten().any(|name| name.to_lowercase() == wanted)
    };
    let found = if full.is_empty() { staying.into_iter().filter(part).collect() } else { full };
    match found.as_slice() {
        [person] => Ok(person.id),
        [] => Err(Failure::Refused(format!("nobody is called {}; `latchkey people list` shows everybody", printable(typed)))),
        several => {
            let list: Vec<String> =
                several.iter().map(|person| format!("{} ({})", person.id, printable(&person.name()))).collect();
            Err(Failure::Refused(format!("{} people fit; give one of these ids: {}", list.len(), list.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> PersonId {
        PersonId::new(&mut crate::domain::entropy::Entropy::from_number(n))
    }

    fn people() -> Vec<PersonView> {
        let kept: PersonView = serde_json::from_str(include_str!("../../tests/data/views/person.json")).unwrap();
        let ada = |n, last_name: &str, external_id: Option<&str>, removing| PersonView {
            id: id(n),
            first_name: "Ada".into(),
            last_name: last_name.into(),
            external_id: external_id.map(str::to_owned),
            removing,
            ..kept.clone()
        };
        vec![ada(1, "Lovelace", None, false), ada(2, "Byron", Some("b-7"), false), ada(3, "Byron", None, true)]
    }

    #[test]
    fn a_name_that_two_people_have_is_never_guessed() {
        let refused = choose(&people(), "ada").unwrap_err().to_string();
        let ids = format!("{} (Ada Lovelace), {} (Ada Byron)", id(1), id(2));
        assert_eq!(refused, format!("2 people fit; give one of these ids: {ids}"));
    }

    #[test]
    fn one_person_is_found_by_any_name_and_somebody_on_the_way_out_is_not() {
        assert_eq!(choose(&people(), "LOVELACE"), Ok(id(1)));
        assert_eq!(choose(&people(), " Ada Byron"), Ok(id(2)));
        assert_eq!(choose(&people(), "b-7"), Ok(id(2)));
        assert!(choose(&people(), "Grace").is_err());
    }
}
