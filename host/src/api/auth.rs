//! Bearer tokens (RFC 6750): who may ask, under which name it is recorded, and for whom an app may speak.

use std::hint::black_box;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::audit::Audit;
use super::refusal::Refusal;
use super::user_token::{Invalid, UserKeys, Valid};

const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"fishpond\"");
const CHALLENGE_INVALID: HeaderValue = HeaderValue::from_static("Bearer realm=\"fishpond\", error=\"invalid_token\"");

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

/// Who uses an address of an end user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// For anybody.
    Service(Caller),
    /// For themselves.
    User(Valid),
}

impl Visitor {
    /// May this be done for that person? A stranger's attempt is told in the log.
    pub(super) fn check(&self, business: &str, person: &str, audit: &Audit) -> Result<(), Refusal> {
        let Visitor::User(Valid { user, .. }) = self else { return Ok(()) };
        let (code, what) = if *user.business != *business {
            ("wrong_business", "another business")
        } else if *user.id != *person {
            ("wrong_user", "another user")
        } else {
            return Ok(());
        };
        audit.tell(code, user, business, person);
        let (who, of) = (&*user.id, &*user.business);
        let message = format!("the token is for {what}: it speaks for `{who}` in `{of}`");
        Err(Refusal::new(StatusCode::FORBIDDEN, code, message))
    }

    /// When what they were allowed ends, milliseconds since the Unix epoch.
    pub(super) fn until(&self) -> Option<u64> {
        match self {
            Visitor::Service(_) => None,
            Visitor::User(valid) => Some(valid.until),
        }
    }
}

impl Tokens {
    /// Names and secrets; `place` tells people where the secrets are.
    pub fn new(tokens: impl IntoIterator<Item = (String, String)>, place: impl Into<String>) -> Tokens {
        let token =
            |(name, secret): (String, String)| Token { name: name.into(), digest: Sha256::digest(secret).into() };
        Tokens { known: tokens.into_iter().map(token).collect(), place: place.into() }
    }

    /// The caller whose token the request carries.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let secret = self.bearer(headers)?.ok_or_else(|| self.refusal("the request carries no token"))?;
        self.find(secret).ok_or_else(|| self.refusal("the host does not know this token"))
    }

    /// Who uses an address of an end user at a time (milliseconds): with a token in the header, or with a user's token in
    /// the address, because a browser's `EventSource` sends no header.
    pub(super) fn visitor(
        &self,
        keys: &UserKeys,
        headers: &HeaderMap,
        in_address: Option<&str>,
        now: u64,
    ) -> Result<Visitor, Refusal> {
        let token = match (self.bearer(headers)?, in_address) {
            (Some(secret), _) => match self.find(secret) {
                Some(caller) => return Ok(Visitor::Service(caller)),
                None => std::str::from_utf8(secret).map_err(|_| invalid_user_token(Invalid::Foreign))?,
            },
            (None, Some(token)) => token,
            (None, None) => return Err(self.refusal("the request carries no token")),
        };
        keys.verify(token, now).map(Visitor::User).map_err(invalid_user_token)
    }

    /// The secret in the header; None without the header.
    fn bearer<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a [u8]>, Refusal> {
        let Some(given) = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes) else { return Ok(None) };
        match given.split_at_checked(7) {
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case(b"bearer ") => Ok(Some(secret.trim_ascii())),
            _ => Err(self.refusal("this is no bearer token")),
        }
    }

    fn find(&self, secret: &[u8]) -> Option<Caller> {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        let mut found = None;
        for token in &self.known {
            if equal(&token.digest, &digest) {
                found = Some(Caller(token.name.clone()));
            }
        }
        found
    }

    fn refusal(&self, what: &str) -> Refusal {
        let message =
            format!("{what}: send the header `authorization: Bearer <token>`; the token is in {}", self.place);
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message).with_header(header::WWW_AUTHENTICATE, CHALLENGE)
    }
}

fn invalid_user_token(invalid: Invalid) -> Refusal {
    let code = if invalid == Invalid::Expired { "token_expired" } else { "unauthorized" };
    let message = format!("{invalid}: `POST /v1/{{business}}/user-tokens` makes one, with the host's own token");
    Refusal::new(StatusCode::UNAUTHORIZED, code, message).with_header(header::WWW_AUTHENTICATE, CHALLENGE_INVALID)
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
