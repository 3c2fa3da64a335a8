//! Promises of the settings: precedence, unknown keys, and that what is printed can be read back.

use std::path::Path;

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn flag(key: &str, value: &str, flag: &str) -> (String, String, String) {
    (key.to_owned(), value.to_owned(), flag.to_owned())
}

/// A data folder with a settings file.
fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(FILE_NAME), text).expect("a file");
    folder
}

fn at(data: &Path) -> (String, String, String) {
    flag("data", data.to_str().expect("a plain path"), "--data")
}

fn refusal(text: &str) -> String {
    let folder = folder(text);
    let sources = Sources { flags: vec![at(folder.path())], ..Sources::default() };
    let path = folder.path().join(FILE_NAME);
    load(&sources).expect_err(text).to_string().replace(path.to_str().expect("a plain path"), "F")
}

#[test]
fn intakes_are_names_one_at_least_and_no_more_than_allowed() {
    let loaded = |text: &str| {
        let folder = folder(text);
        load(&Sources { flags: vec![at(folder.path())], ..Sources::default() }).expect("settings").config.intakes
    };
    assert_eq!(loaded(""), ["http"]);
    assert_eq!(loaded("[api]\nintakes = \"http, shop-app\"\n"), ["http", "shop-app"]);
    for (text, word) in [
        ("[api]\nintakes = \"\"\n", "one intake at least"),
        ("[api]\nintakes = \"a,a\"\n", "twice"),
        ("[api]\nintakes = \"A B\"\n", "intake"),
        ("[api]\nrefuse_older = \"a,a\"\n", "twice"),
        ("[api]\nrefuse_older = \"app\"\n", "no intake `app`"),
        ("[api]\nintakes = \"a,b\"\n[limits]\nintakes = 1\n", "`intakes`"),
    ] {
        let error = refusal(text);
        assert!(error.contains(word) && error.contains("F:2"), "{error}");
    }
}

#[test]
fn each_source_beats_the_ones_before_it() {
    let folder = folder("log = \"warn\"\nlisten = \"127.0.0.1:1\"\n[limits]\nevent_bytes = 100_000\ndata_bytes = 1\n");
    let sources = Sources {
        environment: pairs(&[
            ("FISHPOND_LIMITS_EVENT_BYTES", "200_000"),
            ("FISHPOND_LISTEN", "127.0.0.1:2"),
            ("FISHPOND_URL", "http://elsewhere"),
            ("FISHPOND_SERVICE_HOST", "10.0.0.1"),
            ("OTHER", "ignored"),
        ]),
        flags: vec![at(folder.path()), flag("listen", "127.0.0.1:3", "--listen")],
        ..Sources::default()
    };
    let Loaded { config, tree } = load(&sources).expect("settings");
    assert_eq!(config.data, folder.path());
    assert_eq!((config.listen.port(), &*config.log), (3, "warn"));
    assert_eq!((config.limits.event_bytes, config.limits.data_bytes), (200_000, 1));
    assert_eq!(config.limits.modules, Limits::default().modules);
    let file = |line| Origin::File { path: folder.path().join(FILE_NAME), line };
    assert_eq!(*tree.origin("log"), file(1));
    assert_eq!(*tree.origin("limits.data_bytes"), file(5));
    assert_eq!(*tree.origin("limits.event_bytes"), Origin::Environment("FISHPOND_LIMITS_EVENT_BYTES".to_owned()));
    assert_eq!(*tree.origin("listen"), Origin::Flag("--listen".to_owned()));
    assert_eq!(*tree.origin("log_format"), Origin::Default);
}

#[test]
fn the_printed_tree_can_be_read_back_and_says_where_values_come_from() {
    let folder = folder("log = \"warn\" # quiet\n[api]\ncors_origins = \"http://a\"\n[limits]\nmodules = 7\n");
    let awkward = folder.path().join("a \"quoted\" # folder");
    let environment = pairs(&[("FISHPOND_LIMITS_DEPLOYMENTS", "9")]);
    let own = Some(folder.path().join(FILE_NAME));
    let first = load(&Sources { file: own, environment, flags: vec![at(&awkward)] }).expect("settings");
    let text = first.print();
    let printed = folder.path().join("printed.toml");
    std::fs::write(&printed, &text).expect("a file");
    let again = load(&Sources { file: Some(printed), ..Sources::default() }).expect(&text);
    assert_eq!(again.config, first.config);
    for (start, end) in [
        ("data = ", "# flag --data"),
        ("listen = \"127.0.0.1:7878\"", "# default"),
        ("log = \"warn\"", "fishpond.toml:1"),
        ("api.cors_origins = \"http://a\"", "fishpond.toml:3"),
        ("modules = 7", "# modules; "),
        ("deployments = 9", "# deployments; environment FISHPOND_LIMITS_DEPLOYMENTS"),
        ("data_bytes = 65536", "# bytes; default"),
    ] {
        assert!(text.lines().any(|line| line.starts_with(start) && line.contains(end)), "{start} {end}\n{text}");
    }
}

#[test]
fn an_unknown_key_is_named_with_file_line_and_the_nearest_known_one() {
    assert_eq!(
        refusal("log = \"info\"\n\n[limits]\nevent_byte = 1\n"),
        "unknown key `limits.event_byte` (F:4); did you mean `limits.event_bytes`?; `fishpond serve --print-config` \
         prints all keys"
    );
    assert!(refusal("lisen = \"x\"").starts_with("unknown key `lisen` (F:1); did you mean `listen`?"));
    assert!(refusal("zebras = 4").starts_with("unknown key `zebras` (F:1); `fishpond serve"));
    assert!(refusal("[limit]\nmodules = 1").starts_with("unknown key `limit` (F:1)"));
    let environment = pairs(&[("FISHPOND_LIMIT_EVENT_BYTES", "1")]);
    let error = load(&Sources { environment, ..Sources::default() }).expect_err("unknown").to_string();
    assert!(error.contains("`FISHPOND_LIMIT_EVENT_BYTES`"), "{error}");
    assert!(error.contains("did you mean `FISHPOND_LIMITS_EVENT_BYTES`?"), "{error}");
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_the_remedy() {
    assert_eq!(refusal("[limits]\nmodules = -1"), "`limits.modules` (F:2) must be a whole number from 0, not -1");
    assert_eq!(
        refusal("[limits]\nmodules = true"),
        "`limits.modules` (F:2) must be a text or a whole number, not boolean"
    );
    assert_eq!(refusal("log = 3"), "`log` (F:1) must be a text in quotes, not 3");
    assert_eq!(refusal("limits = 3"), "`limits` (F:1) must be a table, not integer");
    assert_eq!(refusal("\nlog_format = \"xml\""), "`log_format = xml` (F:2): it must be `text` or `json`");
    assert!(refusal("listen = \"localhost\"").contains("must be an IP address and a port"));
    assert!(refusal("log = \"fishpond=loud\"").contains("write a level"));
    assert!(refusal("[limits]\nmodules = 0").ends_with("it must be at least 1"));
    assert!(refusal("[limits]\nmodules = 18446744073709551615").ends_with("it must be at most 9007199254740992"));
    assert!(refusal("data = \"elsewhere\"").contains("cannot move it"));
    assert!(refusal("log = ").starts_with("the settings file F is not TOML: TOML parse error at line 1"));
}

#[test]
fn limits_that_do_not_fit_each_other_are_refused_by_name() {
    let fits = |text: &str| refusal(&format!("[limits]\n{text}"));
    assert_eq!(
        fits("data_bytes = 300_000"),
        "`limits.data_bytes = 300000` (F:2): data_bytes (300000) must not be greater than event_bytes (262144)"
    );
    assert!(fits("event_bytes = 1000").starts_with("`limits.event_bytes = 1000` (F:2): data_bytes (65536)"));
    assert!(fits("journal_frame_bytes = 4194304").contains("a write group holds it"));
    assert!(fits("journal_segment_bytes = 67108865").contains("a multiple of 4096"));
    assert!(fits("journal_segment_bytes = 4096").contains("it holds a write group"));
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    let text = "[api]\ncors_origins = \"https://shop.example, http://localhost:5173\"\n";
    let folder = folder(text);
    let loaded = load(&Sources { flags: vec![at(folder.path())], ..Sources::default() }).expect("settings");
    assert_eq!(loaded.config.cors_origins, ["https://shop.example", "http://localhost:5173"]);
    assert!(Config::default().cors_origins.is_empty());
    for bad in ["*", "null", "shop.example", "https://", "https://Shop.example", "https://shop.example/", "ftp://a"] {
        let error = refusal(&format!("[api]\ncors_origins = \"{bad}\"\n"));
        assert!(error.contains(&format!("`{bad}` is no origin")), "{error}");
    }
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let sources = Sources { file: Some("/nowhere/fishpond.toml".into()), ..Sources::default() };
    assert!(matches!(load(&sources), Err(Error::Read { .. })));
    let nowhere = Sources { flags: vec![at(Path::new("/nowhere"))], ..Sources::default() };
    assert!(load(&nowhere).is_ok());
}

#[test]
fn listening_beyond_this_machine_warns() {
    let on = |listen: &str| Config { listen: listen.parse().expect("an address"), ..Config::default() }.warnings();
    assert!(on("127.0.0.1:1").is_empty() && on("[::1]:1").is_empty());
    assert!(on("0.0.0.0:7878")[0].contains("no TLS"));
}
