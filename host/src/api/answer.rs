//! Answers as JSON: one line, with its end, so that a shell's prompt begins on a line of its own.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::refusal::Refusal;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A body of `application/json`.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match line(&self.0) {
            Ok(text) => ([(header::CONTENT_TYPE, JSON)], text).into_response(),
            Err(error) => Refusal::host(format!("the answer cannot be written: {error}")).into_response(),
        }
    }
}

/// JSON and a line's end.
pub fn line(body: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec(body)?;
    text.push(b'\n');
    Ok(text)
}
