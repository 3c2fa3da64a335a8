//! Tokens of end users: JWT (RFC 7519), signed with HMAC SHA-256 by the host's own key. An app acts with one for one
//! person in one business, and for nothing else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Who makes these tokens, as `iss` says it.
const ISSUER: &str = "fishpond";

const ALGORITHM: &str = "HS256";

/// What signs and checks tokens of end users.
#[derive(Clone)]
pub struct UserKeys {
    mac: Hmac<Sha256>,
}

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub business: Box<str>,
    pub id: Box<str>,
}

/// A token that was good when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid {
    pub user: User,
    /// Milliseconds since the Unix epoch: from then on it is worth nothing.
    pub until: u64,
}

/// Why a token is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("this is no token of this host")]
    Foreign,
    #[error("the token's signature is not this host's")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    /// Extensions that a reader must understand (RFC 7515, 4.1.11): there are none that we do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<serde_json::Value>,
}

/// Times in seconds.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
}

impl UserKeys {
    /// From a secret of 32 random bytes.
    pub fn new(key: [u8; 32]) -> UserKeys {
        // As RFC 2104 pads a key that is shorter than a block.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(&key);
        UserKeys { mac: Hmac::new(&block.into()) }
    }

    /// A token for a person, between two times in milliseconds.
    pub fn issue(&self, user: &User, now: u64, expires: u64) -> Result<String, serde_json::Error> {
        let header = Header { alg: ALGORITHM.to_owned(), typ: Some("JWT".to_owned()), crit: None };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: user.business.to_string(),
            sub: user.id.to_string(),
            iat: now / 1_000,
            exp: expires / 1_000,
            nbf: None,
        };
        let encode = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let text = format!("{}.{}", encode(serde_json::to_vec(&header)?), encode(serde_json::to_vec(&claims)?));
        let signature = self.sign(&text).finalize().into_bytes();
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whom a token speaks for now (milliseconds). Nothing in it is read before its signature is checked.
    pub fn verify(&self, token: &str, now: u64) -> Result<Valid, Invalid> {
        let (text, signature) = token.rsplit_once('.').ok_or(Invalid::Foreign)?;
        let (header, claims) = text.split_once('.').ok_or(Invalid::Foreign)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Invalid::Signature)?;
        // Takes the same time wherever the first difference is.
        self.sign(text).verify_slice(&signature).map_err(|_| Invalid::Signature)?;
        let header: Header = part(header)?;
        let claims: Claims = part(claims)?;
        if header.alg != ALGORITHM || header.crit.is_some() || claims.iss != ISSUER {
            return Err(Invalid::Foreign);
        }
        let now = now / 1_000;
        if now >= claims.exp {
            return Err(Invalid::Expired);
        }
        if claims.nbf.is_some_and(|from| now < from) {
            return Err(Invalid::NotYet);
        }
        let user = User { business: claims.aud.into(), id: claims.sub.into() };
        Ok(Valid { user, until: claims.exp.saturating_mul(1_000) })
    }

    fn sign(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        mac
    }
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Invalid> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Invalid::Foreign)?;
    serde_json::from_slice(&bytes).map_err(|_| Invalid::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_772_280_000_000;

    fn keys() -> UserKeys {
        UserKeys::new([7; 32])
    }

    fn user() -> User {
        User { business: "demo".into(), id: "user:1/é".into() }
    }

    /// Signs whatever it is given.
    fn signed(header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = keys().sign(&text).finalize().into_bytes();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // By another implementation: printf e30.e30 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...
        let bytes = keys().sign("e30.e30").finalize().into_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "d0e45ad05d95fd93b8ebd9408d1d3d9ab679a7830859bccca623d607c2708310");
    }

    #[test]
    fn a_token_speaks_for_its_person_until_it_expires() {
        let token = keys().issue(&user(), NOW, NOW + 60_000).expect("a token");
        let valid = Valid { user: user(), until: NOW + 60_000 };
        assert_eq!(keys().verify(&token, NOW), Ok(valid.clone()));
        assert_eq!(keys().verify(&token, NOW + 59_999), Ok(valid));
        assert_eq!(keys().verify(&token, NOW + 60_000), Err(Invalid::Expired));
    }

    #[test]
    fn what_is_changed_or_signed_by_others_is_worth_nothing() {
        let token = keys().issue(&user(), NOW, NOW + 60_000).expect("a token");
        assert_eq!(UserKeys::new([8; 32]).verify(&token, NOW), Err(Invalid::Signature));
        let parts: Vec<&str> = token.split('.').collect();
        let claims = r#"{"iss":"fishpond","aud":"demo","sub":"user:2","iat":1,"exp":9999999999}"#;
        let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims), parts[2]);
        assert_eq!(keys().verify(&forged, NOW), Err(Invalid::Signature));
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), parts[1]);
        assert_eq!(keys().verify(&unsigned, NOW), Err(Invalid::Signature));
        for text in ["", "a", "a.b", "a.b.c", "..", "...."] {
            assert!(keys().verify(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_host_would_not_have_signed_is_foreign() {
        let good = r#"{"iss":"fishpond","aud":"demo","sub":"u","iat":1,"exp":9999999999}"#;
        assert!(keys().verify(&signed(r#"{"alg":"HS256"}"#, good), NOW).is_ok());
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","crit":["x"]}"#, "{}"] {
            assert_eq!(keys().verify(&signed(header, good), NOW), Err(Invalid::Foreign), "{header}");
        }
        for (from, to, why) in [
            ("fishpond", "other", Invalid::Foreign),
            (r#","exp":9999999999"#, "", Invalid::Foreign),
            (r#""exp""#, r#""nbf":9999999998,"exp""#, Invalid::NotYet),
        ] {
            let claims = good.replace(from, to);
            assert_eq!(keys().verify(&signed(r#"{"alg":"HS256"}"#, &claims), NOW), Err(why), "{claims}");
        }
    }
}
