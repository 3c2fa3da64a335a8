//! Why: a rule's tests run natively, in milliseconds, against the contract's exact semantics.
//!
//! ```
//! # use fishpond_sdk::prelude::*;
//! # use fishpond_sdk::testing::{event, Host};
//! # #[derive(Serialize, JsonSchema)]
//! # struct Seen { visits: u64 }
//! # struct Hello { visits: Window, hello: Match<Seen> }
//! # impl Rule for Hello {
//! #     type Config = NoConfig;
//! #     fn configure(_: NoConfig, plan: &mut Plan) -> Result<Self, Vec<Diagnostic>> {
//! #         plan.subscribe("visits", ["visit"], Path::Actor);
//! #         Ok(Self { visits: plan.sliding("visits", Duration::from_secs(60)), hello: plan.emits("hello") })
//! #     }
//! #     fn on_event(&self, event: &Event, cx: &mut Context) -> Result<(), Refusal> {
//! #         let visits = cx.observe(self.visits, &event.key).count;
//! #         if visits == 3 { cx.emit(self.hello.about(&event.key, &Seen { visits }).window(self.visits)); }
//! #         Ok(())
//! #     }
//! # }
//! let mut host = Host::<Hello>::new(serde_json::json!({})).expect("the configuration is right");
//! for time in ["10:00:00", "10:00:30", "10:01:00"] {
//!     host.event(event("visit").actor("ann").time(time));
//! }
//! assert_eq!(host.matches()[0].fields, serde_json::json!({ "visits": 3 }));
//! ```
//!
//! Time passes with [`Host::advance`], signals arrive with [`Host::deliver`], a filter is asked with [`Host::judge`] about an [`action`], and hears how it ended
//! with [`Host::settle`].
//!
//! Not covered natively: batches, fuel, bytes of documents, deduplication, ticks of their own, other filters, `in_event_time` (events come as they
//! are given). Scenario files run on the real host.

pub(crate) mod calendar;
mod chain;
mod clock;
mod document;
mod event;
mod host;
mod input;
mod memory;
mod route;
mod signals;
mod windows;

#[cfg(test)]
mod tests;

pub use chain::{Judged, action};
pub use event::{TestEvent, at, event};
pub use host::{Host, Refused};
pub use memory::{Found, Memory, Published, Sent};
