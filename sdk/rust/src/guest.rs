//! Why: the SDK's side of the contract in Wasm. The bindings are generated from `wit/`, one small world per exported
//! interface, so that a module exports exactly what it implements; `wit-component` joins the worlds again.
//! Public only for `export!`; nothing here is for rule authors.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::calls::{Calls, Current, Emit, Entry, Totals};
use crate::event::json_text;
use crate::{Context, Diagnostic, Event, Identity, Queries, Query, QueryContext, Reply, Rule, lifecycle as documents};

mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk;
            world imports {
                import fishpond:plugin/inputs@0.1.0;
                import fishpond:plugin/state@0.1.0;
                import fishpond:plugin/windows@0.1.0;
                import fishpond:plugin/matches@0.1.0;
                import fishpond:plugin/replies@0.1.0;
                import fishpond:plugin/logging@0.1.0;
            }",
        generate_all,
    });
    pub use fishpond::plugin::*;
}

/// The world of one exported interface.
macro_rules! exported {
    ($module:ident, $inline:literal, $export:literal) => {
        #[allow(unsafe_code, reason = "wit-bindgen writes it")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                inline: $inline,
                generate_all,
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    };
}
