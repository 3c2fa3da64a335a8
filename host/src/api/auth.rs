//! Bearer tokens (RFC 6750): who may ask, and under which name it is recorded.

use std::hint::black_box;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;

const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"fishpond\"");

/// The tokens of a host.
pub struct Tokens {
    known: Vec<Token>,
    /// Where an operator finds them: a path.
    place: String,
}

struct Token {
    /// Recorded in changes (`by`).
    name: Arc<str>,
    /// Digests are compared, so a comparison takes the same time for every text of every length.
    digest: [u8; 32],
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub Arc<str>);

impl Tokens {
    /// Names and secrets; `place` tells people where the secrets are.
    pub fn new(tokens: impl IntoIterator<Item = (String, String)>, place: impl Into<String>) -> Tokens {
        let token =
            |(name, secret): (String, String)| Token { name: name.into(), digest: Sha256::digest(secret).into() };
        Tokens { known: tokens.into_iter().map(token).collect(), place: place.into() }
    }

    /// The caller whose token the request carries.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let Some(given) = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes) else {
            return Err(self.refusal("the request carries no token"));
        };
        let Some((scheme, secret)) = given.split_at_checked(7) else {
            return Err(self.refusal("this is no bearer token"));
        };
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(self.refusal("this is no bearer token"));
        }
        let digest: [u8; 32] = Sha256::digest(secret.trim_ascii()).into();
        let mut found = None;
        for token in &self.known {
            if equal(&token.digest, &digest) {
                found = Some(Caller(token.name.clone()));
            }
        }
        found.ok_or_else(|| self.refusal("the host does not know this token"))
    }

    fn refusal(&self, what: &str) -> Refusal {
        let message =
            format!("{what}: send the header `authorization: Bearer <token>`; the token is in {}", self.place);
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message).with_header(header::WWW_AUTHENTICATE, CHALLENGE)
    }
}

/// Looks at every byte, wherever the first difference is.
fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let difference = left.iter().zip(right).fold(0, |difference, (left, right)| black_box(difference | (left ^ right)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: Option<&str>) -> Option<Caller> {
        let tokens = Tokens::new(
            [("ops".to_owned(), "secret".to_owned()), ("app".to_owned(), "other".to_owned())],
            "data/token",
        );
        let mut headers = HeaderMap::new();
        headers.extend(
            header.map(|value| (header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).expect("a header"))),
        );
        tokens.check(&headers).ok()
    }

    #[test]
    fn only_known_tokens_have_a_name() {
        assert_eq!(check(Some("Bearer secret")), Some(Caller("ops".into())));
        assert_eq!(check(Some("bearer  other ")), Some(Caller("app".into())));
        let bad = [
            "",
            "Bearer",
            "Bearer ",
            "Bearer secre",
            "Bearer secrets",
            "Basic secret",
            "secret",
            "Bearer Secret",
            "\u{e9}",
        ];
        for header in bad {
            assert_eq!(check(Some(header)), None, "{header}");
        }
        assert_eq!(check(None), None);
        assert_eq!(Tokens::new([], "nowhere").check(&HeaderMap::new()).ok(), None);
    }

    #[test]
    fn every_byte_of_a_digest_counts() {
        let digest = [7; 32];
        assert!(equal(&digest, &digest.clone()));
        for at in 0..32 {
            let mut other = digest;
            other[at] ^= 1;
            assert!(!equal(&digest, &other), "{at}");
        }
    }
}
