//! What a backfill refuses before its first line.

use super::*;
use crate::model::Start;
use crate::model::ports::{Backfill, BackfillRequest};
use crate::trace::fixture::plan;

const PATH: &str = "/v1/demo/deployments/risk/backfill";

impl Backfill for Shards {
    /// There is no module that could run here: whoever gets this far should have been refused.
    fn backfill(&self, asked: &BackfillRequest, _: &mut dyn std::io::Write) -> Result<(), String> {
        Err(format!("{asked:?}"))
    }
}

#[tokio::test]
async fn a_backfill_refuses_what_cannot_be_before_its_first_line() {
    let harness = Harness::new();
    harness.past.upload("demo", "risk");
    harness.past.deploy("demo", "risk", &plan(r#""browse""#, "subject", ""), Start::Latest);
    let stranger = Request::builder().method("POST").uri(PATH).body(Body::empty()).expect("a request");
    assert_eq!(harness.send(stranger).await.status, StatusCode::UNAUTHORIZED);
    let refused = |path: &'static str, body: &'static str| {
        let harness = &harness;
        async move { harness.post(path, "application/json", body).await.refusal() }
    };
    let none = "/v1/demo/deployments/none/backfill";
    assert_eq!(refused(none, "").await, (404, "no_deployment".to_owned()));
    assert_eq!(refused("/v1/other/deployments/risk/backfill", "").await, (404, "no_deployment".to_owned()));
    assert_eq!(refused(PATH, r#"{"module":"other"}"#).await, (422, "no_module".to_owned()));
    for bad in [
        r#"{"since":"yesterday"}"#,
        r#"{"until":"2026-01-01"}"#,
        r#"{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}"#,
        r#"{"advance_s":18446744073709551}"#,
        r#"{"advance_s":31622401}"#,
        r#"{"from":"2026-01-02T00:00:00Z"}"#,
    ] {
        assert_eq!(refused(PATH, bad).await, (400, "bad_body".to_owned()), "{bad}");
    }
    // A refused one keeps nobody else's place.
    assert_eq!(refused(PATH, r#"{"module":"other"}"#).await, (422, "no_module".to_owned()));
}
