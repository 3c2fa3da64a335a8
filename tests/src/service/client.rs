//! HTTP as a producer or an operator speaks it: nothing of the host's own client is used here.

use std::time::Duration;

use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// One request with its answer; an upload compiles the module first.
const REQUEST: Duration = Duration::from_secs(60);
/// Items of a page: as many as a host gives.
const PAGE: usize = 1_000;

/// The media type of a list of events.
const BATCH: &str = "application/cloudevents-batch+json";

#[derive(Clone)]
pub struct Client {
    agent: Agent,
    address: String,
    authorization: String,
}

/// An answer.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub text: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a success.
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().map(str::to_owned);
        (self.status, code.unwrap_or_else(|| panic!("no refusal: {self:?}")))
    }
}

impl Client {
    pub fn new(address: &str, token: &str) -> Client {
        let config =
            Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(REQUEST)).build();
        Client { agent: config.into(), address: address.to_owned(), authorization: format!("Bearer {token}") }
    }

    /// None if the host cannot be reached, or goes away before it has answered.
    pub fn try_get(&self, path: &str) -> Option<Told> {
        read(self.agent.get(self.url(path)).header("authorization", &self.authorization).call())
    }

    pub fn get(&self, path: &str) -> Told {
        self.try_get(path).unwrap_or_else(|| panic!("GET {path}: no answer"))
    }

    pub fn put(&self, path: &str, body: &Value) -> Told {
        let request = self.agent.put(self.url(path)).header("authorization", &self.authorization);
        read(request.send_json(body)).unwrap_or_else(|| panic!("PUT {path}: no answer"))
    }

    pub fn try_post(&self, path: &str, kind: &str, body: &[u8]) -> Option<Told> {
        let request = self.agent.post(self.url(path)).header("authorization", &self.authorization);
        read(request.header("content-type", kind).send(body))
    }

    /// A request with another method, or one whose method is only known when it is made.
    pub fn ask(&self, method: &str, path: &str) -> Told {
        let request = Request::builder().method(method).uri(self.url(path));
        let request = request.header("authorization", &self.authorization).body(()).expect("a request");
        read(self.agent.run(request)).unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    pub fn post(&self, path: &str, kind: &str, body: &[u8]) -> Told {
        self.try_post(path, kind, body).unwrap_or_else(|| panic!("POST {path}: no answer"))
    }

    /// Sends events, each as JSON, in one batch.
    pub fn try_events(&self, business: &str, events: &[String]) -> Option<Told> {
        self.try_post(&format!("/v1/{business}/events"), BATCH, format!("[{}]", events.join(",")).as_bytes())
    }

    pub fn upload(&self, business: &str, component: &[u8]) -> Value {
        self.post(&format!("/v1/{business}/modules"), "application/wasm", component).ok()
    }

    /// Makes a deployment or gives it a new revision.
    pub fn deploy(&self, business: &str, name: &str, module: &str, configuration: &Value) -> Told {
        let body = serde_json::json!({ "module": module, "configuration": configuration });
        self.put(&format!("/v1/{business}/deployments/{name}"), &body)
    }

    /// Everything behind a path that answers page by page.
    pub fn pages(&self, path: &str, list: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let mut page = self.get(&format!("{path}?limit={PAGE}&after={after}")).ok();
            let next = page["next"].as_u64().expect("where to go on");
            let items = page[list].as_array_mut().expect("a list");
            if items.is_empty() && next == after {
                return all;
            }
            all.append(items);
            after = next;
        }
    }

    /// The sum of a metric over all its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text;
        let own = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        own.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn read(sent: Result<Response<Body>, ureq::Error>) -> Option<Told> {
    let mut response = sent.ok()?;
    let text = response.body_mut().with_config().limit(256 << 20).read_to_string().ok()?;
    Some(Told { status: response.status().as_u16(), text })
}
