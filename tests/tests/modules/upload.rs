//! a module that could know the time, or anything that is no input, never gets in.

use fishpond::engine::UploadError;
use fishpond::registry::Error;
use fishpond::scenario::BUSINESS;
use fishpond_tests::{Setup, World, component, importing};

fn refusal(world: &World, wasm: &[u8]) -> (Error, String) {
    let before = world.host.parts.log.last();
    let error = world.host.parts.registry.upload(BUSINESS, wasm, "test").expect_err("it is refused");
    assert_eq!(world.host.parts.log.last(), before, "a refused upload wrote something");
    let text = error.to_string();
    (error, text)
}

#[test]
fn x_05_a_clock_or_entropy_is_refused_at_upload_by_name() {
    let (_folder, world) = World::temporary(&Setup::default());
    for name in ["wasi:clocks/wall-clock@0.2.0", "wasi:clocks/monotonic-clock@0.2.6", "wasi:random/random@0.2.0"] {
        let (error, text) = refusal(&world, &importing(name));
        assert!(matches!(error, Error::Upload(UploadError::UnknownImport { .. })), "{text}");
        assert!(text.contains(&format!("imports `{name}`")), "{text}");
        assert!(
            text.contains("Build for `wasm32-unknown-unknown`") && text.contains("take times from the input"),
            "{text}"
        );
    }
}

#[test]
fn x_05_any_other_import_is_refused_at_upload_by_name() {
    let (_folder, world) = World::temporary(&Setup::default());
    let remedies =
        [("acme:cache/lookup@1.0.0", "remove what needs it"), ("fishpond:plugin/ledger@0.1.0", "upgrade the host")];
    for (name, remedy) in remedies {
        let (error, text) = refusal(&world, &importing(name));
        assert!(matches!(error, Error::Upload(UploadError::UnknownImport { .. })), "{text}");
        assert!(text.contains(&format!("imports `{name}`")) && text.contains(remedy), "{text}");
    }
}

#[test]
fn x_05_what_is_no_module_is_refused_with_a_reason() {
    let (_folder, world) = World::temporary(&Setup::default());
    // (module (import "env" "now" (func (result i64)))): a core module that was built without the contract.
    let core =
        [b"\0asm\x01\0\0\0".as_slice(), &[1, 5, 1, 0x60, 0, 1, 0x7e], &[2, 11, 1, 3], b"env\x03now\0\0"].concat();
    let (error, text) = refusal(&world, &core);
    assert!(matches!(error, Error::Upload(UploadError::NotAComponent(_))) && text.contains("env"), "{text}");
    let (error, text) = refusal(&world, b"#!/bin/sh");
    assert!(matches!(error, Error::Upload(UploadError::NotWasm(_))), "{text}");
    let (error, text) = refusal(&world, b"\0asm\x0d\0\x01\0");
    assert!(matches!(error, Error::Upload(UploadError::NoLifecycle)), "{text}");
    let whole = component("misbehave");
    let (error, text) = refusal(&world, &whole[..whole.len() / 2]);
    assert!(matches!(error, Error::Upload(UploadError::NotWasm(_))), "{text}");
}

#[test]
fn x_05_a_version_names_one_digest_for_ever() {
    let (_folder, world) = World::temporary(&Setup::default());
    let registry = &world.host.parts.registry;
    let first = registry.upload(BUSINESS, &component("misbehave"), "test").expect("it is a module");
    let again = registry.upload(BUSINESS, &component("misbehave"), "test").expect("the same bytes are the same module");
    assert_eq!(first, again);
    // An empty custom section named `x`: other bytes, the same name and version.
    let other = [component("misbehave").as_slice(), &[0, 2, 1, b'x']].concat();
    let (error, text) = refusal(&world, &other);
    assert!(matches!(error, Error::VersionTaken { .. }), "{text}");
}
