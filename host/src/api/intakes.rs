//! The configured intakes, by which events come in: each has its own share in the watermark. An intake is the host's
//! entry, never an event's `source`: anybody may invent one of those, and would hold up everybody else.

use std::sync::Arc;

use axum::http::StatusCode;

use super::refusal::Refusal;
use crate::model::DEFAULT_INTAKE;

/// Names of the intakes (`api.intakes`), one at least.
#[derive(Clone, Debug)]
pub struct Intakes(Vec<Arc<str>>);

impl Default for Intakes {
    fn default() -> Intakes {
        Intakes(vec![DEFAULT_INTAKE.into()])
    }
}

impl Intakes {
    /// Without any name there is the default one.
    pub fn new(names: &[String]) -> Intakes {
        let names: Vec<Arc<str>> = names.iter().map(|name| name.as_str().into()).collect();
        if names.is_empty() { Intakes::default() } else { Intakes(names) }
    }

    /// The intake of a request as its events carry it. Who names none uses the first one.
    pub(super) fn find(&self, wanted: Option<&str>) -> Result<Arc<str>, Refusal> {
        let found = match wanted {
            None => self.0.first(),
            Some(wanted) => self.0.iter().find(|name| ***name == *wanted),
        };
        match found {
            Some(name) if **name == *DEFAULT_INTAKE => Ok(Arc::default()),
            Some(name) => Ok(name.clone()),
            None => Err(Refusal::new(StatusCode::NOT_FOUND, "no_intake", self.unknown(wanted.unwrap_or_default()))),
        }
    }

    fn unknown(&self, wanted: &str) -> String {
        let wanted: String = wanted.chars().take(80).collect();
        format!("there is no intake `{wanted}`; there is: {} (setting `api.intakes`)", self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_none_uses_the_first_and_only_the_default_costs_nothing() {
        let names = |names: &[&str]| Intakes::new(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(&*Intakes::default().find(None).expect("the default"), "");
        assert_eq!(&*names(&["shop", "http"]).find(None).expect("the first"), "shop");
        assert_eq!(&*names(&["shop", "http"]).find(Some("http")).expect("the default"), "");
        assert_eq!(&*names(&["shop"]).find(Some("shop")).expect("a name"), "shop");
        assert!(names(&["shop", "app"]).unknown("x").contains("there is: shop, app"));
    }
}
