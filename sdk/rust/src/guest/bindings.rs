//! Why: the bindings, generated from `wit/`: one small world per exported interface, so that a module exports exactly
//! what it implements. `wit-component` joins the worlds again and leaves out imports that nothing calls.

#![allow(unsafe_code, reason = "wit-bindgen writes it")]

pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk;
            world imports {
                import fishpond:plugin/inputs@0.1.0;
                import fishpond:plugin/state@0.1.0;
                import fishpond:plugin/windows@0.1.0;
                import fishpond:plugin/timing@0.1.0;
                import fishpond:plugin/signalling@0.1.0;
                import fishpond:plugin/calendar@0.1.0;
                import fishpond:plugin/matches@0.1.0;
                import fishpond:plugin/publishing@0.1.0;
                import fishpond:plugin/verdicts@0.1.0;
                import fishpond:plugin/replies@0.1.0;
                import fishpond:plugin/logging@0.1.0;
            }",
        generate_all,
    });
}

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world lifecycle { export fishpond:plugin/lifecycle@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
    });
}

pub mod events {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world events { export fishpond:plugin/events@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_events",
    });
}

pub mod timers {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world timers { export fishpond:plugin/timers@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_timers",
    });
}

pub mod signals {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world signals { export fishpond:plugin/signals@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_signals",
    });
}

pub mod filter {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world filter { export fishpond:plugin/filter@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_filter",
    });
}

pub mod settlements {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world settlements { export fishpond:plugin/settlements@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_settlements",
    });
}

pub mod queries {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package fishpond:sdk; world queries { export fishpond:plugin/queries@0.1.0; }",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_queries",
    });
}
