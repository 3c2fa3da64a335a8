//! Why: one line makes a crate a module. The macro runs in the rule's crate, because name, version and summary are
//! that package's, and because the instance's rule is a static of that type.

/// Exports a [`Rule`](crate::Rule) as the crate's module: `export!(MyRule);`. What it implements besides follows, in
/// any order: `export!(MyRule with queries, timers, signals, filter, settlements);` for [`Queries`](crate::Queries),
/// [`Timers`](crate::Timers), [`Signals`](crate::Signals), [`Filter`](crate::Filter) and [`Settlements`](crate::Settlements). The type must be
/// `pub`.
#[macro_export]
macro_rules! export {
    ($rule:ident $(with $($more:ident),+ $(,)?)?) => {
        // Natively there is nothing to export; a missing implementation is an error all the same.
        const _: fn() = || {
            fn is_a_rule<R: $crate::Rule>() {}
            is_a_rule::<$rule>();
            $( $( $crate::__export_more!(check $more $rule); )+ )?
        };

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported symbols are unsafe attributes; wit-bindgen writes them")]
        const _: () = {
            static RULE: ::std::sync::OnceLock<$rule> = ::std::sync::OnceLock::new();
            const IDENTITY: $crate::Identity = $crate::Identity {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                summary: env!("CARGO_PKG_DESCRIPTION"),
                authors: env!("CARGO_PKG_AUTHORS"),
            };
            struct Module;

            impl $crate::__guest::LifecycleGuest for Module {
                fn describe() -> ::std::string::String {
                    $crate::__guest::describe::<$rule>(&IDENTITY)
                }
                fn configure(
                    envelope: ::std::string::String,
                ) -> ::std::result::Result<::std::string::String, ::std::string::String> {
                    $crate::__guest::configure(&RULE, &envelope)
                }
            }

            impl $crate::__guest::EventsGuest for Module {
                fn handle(events: ::std::vec::Vec<$crate::__guest::WireEvent>) {
                    $crate::__guest::handle_events(&RULE, events);
                }
            }

            $crate::__guest::export_lifecycle!(Module with_types_in $crate::__guest::lifecycle);
            $crate::__guest::export_events!(Module with_types_in $crate::__guest::events);
            $( $( $crate::__export_more!(export $more Module); )+ )?
        };
    };
}

/// What `export!(.. with ..)` adds for one of the names.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_more {
    (check queries $rule:ident) => {
        fn answers_queries<R: $crate::Queries>() {}
        answers_queries::<$rule>();
    };
    (check timers $rule:ident) => {
        fn handles_timers<R: $crate::Timers>() {}
        handles_timers::<$rule>();
    };
    (check signals $rule:ident) => {
        fn handles_signals<R: $crate::Signals>() {}
        handles_signals::<$rule>();
    };
    (check filter $rule:ident) => {
        fn judges_actions<R: $crate::Filter>() {}
        judges_actions::<$rule>();
    };
    (check settlements $rule:ident) => {
        fn takes_settlements<R: $crate::Settlements>() {}
        takes_settlements::<$rule>();
    };
    (check $other:ident $rule:ident) => {
        compile_error!(concat!(
            "a module cannot export `",
            stringify!($other),
            "`: choose of queries, timers, signals, filter, settlements"
        ));
    };
    (export queries $module:ident) => {
        impl $crate::__guest::QueriesGuest for $module {
            fn handle(queries: ::std::vec::Vec<$crate::__guest::WireQuery>) {
                $crate::__guest::handle_queries(&RULE, queries);
            }
        }
        $crate::__guest::export_queries!($module with_types_in $crate::__guest::queries);
    };
    (export timers $module:ident) => {
        impl $crate::__guest::TimersGuest for $module {
            fn handle(due: ::std::vec::Vec<$crate::__guest::WireDue>) {
                $crate::__guest::handle_timers(&RULE, due);
            }
        }
        $crate::__guest::export_timers!($module with_types_in $crate::__guest::timers);
    };
    (export signals $module:ident) => {
        impl $crate::__guest::SignalsGuest for $module {
            fn handle(signals: ::std::vec::Vec<$crate::__guest::WireSignal>) {
                $crate::__guest::handle_signals(&RULE, signals);
            }
        }
        $crate::__guest::export_signals!($module with_types_in $crate::__guest::signals);
    };
    (export filter $module:ident) => {
        impl $crate::__guest::FilterGuest for $module {
            fn handle(actions: ::std::vec::Vec<$crate::__guest::WireAction>) {
                $crate::__guest::handle_filter(&RULE, actions);
            }
        }
        $crate::__guest::export_filter!($module with_types_in $crate::__guest::filter);
    };
    (export settlements $module:ident) => {
        impl $crate::__guest::SettlementsGuest for $module {
            fn handle(settlements: ::std::vec::Vec<$crate::__guest::WireSettlement>) {
                $crate::__guest::handle_settlements(&RULE, settlements);
            }
        }
        $crate::__guest::export_settlements!($module with_types_in $crate::__guest::settlements);
    };
    // Said once already, by `check`.
    (export $other:ident $module:ident) => {};
}
