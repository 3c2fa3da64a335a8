//! Keys of rows.

use super::*;

#[test]
fn row_keys_keep_names_apart() {
    assert_ne!(row_key("a", "bc", "k"), row_key("ab", "c", "k"));
    assert_eq!(row_key("a", "b", "k")[..2], crate::model::shard_of("k").0.to_be_bytes());
}

#[test]
fn a_row_key_is_taken_apart_as_it_was_built() {
    let bytes = row_key("demo", "risk", "user:ü");
    let parsed = RowKey::parse(&bytes).expect("a key");
    let shard = crate::model::shard_of("user:ü");
    assert_eq!(parsed, RowKey { shard, business: "demo", deployment: "risk", key: "user:ü" });
}

#[test]
fn what_is_no_row_key_says_why() {
    let whole = row_key("demo", "risk", "user:1");
    let why = |bytes: &[u8]| RowKey::parse(bytes).expect_err("it is none");
    assert_eq!(why(&whole[..1]), KeyError::Short("shard"));
    assert_eq!(why(&whole[..2]), KeyError::Short("business"));
    assert_eq!(why(&whole[..5]), KeyError::Short("business"));
    assert_eq!(why(&whole[..9]), KeyError::Short("deployment"));
    let mut text = whole.clone();
    text[3] = 0xff;
    assert_eq!(why(&text), KeyError::Text("business"));
    let mut moved = whole.clone();
    moved[1] ^= 1;
    let belongs = crate::model::shard_of("user:1").0;
    assert_eq!(why(&moved), KeyError::Shard { said: belongs ^ 1, belongs });
}
