//! Generated from `wit/`: one world of all imports, and one small world for each export, because an export is
//! optional and `bindgen!` knows no optional exports (wasmtime issue 11538).

pub mod imports {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package fishpond:host;
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
            }
        ",
        imports: { default: trappable },
    });
}

pub mod lifecycle {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-lifecycle { export fishpond:plugin/lifecycle@0.1.0; }",
    });
}

pub mod events {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-events { export fishpond:plugin/events@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub mod timers {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-timers { export fishpond:plugin/timers@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub mod signals {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-signals { export fishpond:plugin/signals@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub mod filter {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-filter { export fishpond:plugin/filter@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub mod settlements {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-settlements { export fishpond:plugin/settlements@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub mod queries {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package fishpond:host; world exports-queries { export fishpond:plugin/queries@0.1.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
