//! Lists that come in pages: to their end, or on and on.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::client::Error;
use super::output;

/// How often a list that is followed is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Items of one request.
const PAGE_ITEMS: u64 = 500;

#[derive(Args, Debug, Default)]
pub struct Pages {
    /// Only what lies behind this position of the journal
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub after: u64,
    /// At most so many, the oldest first
    #[arg(long, value_name = "N", conflicts_with = "follow", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Wait for more and print it as it comes, until interrupted
    #[arg(long)]
    pub follow: bool,
}

/// One page as it is printed.
pub struct Page {
    pub lines: Vec<String>,
    /// Where the next one begins.
    pub next: u64,
}

/// Prints page after page.
pub fn print(pages: &Pages, fetch: impl FnMut(u64, u64) -> Result<Page, Error>) -> anyhow::Result<()> {
    let sleep = || {
        std::thread::sleep(LOOK_AGAIN);
        true
    };
    walk(pages, fetch, |lines| Ok(output::print(&lines.join("\n"))?), sleep)
}

/// `rest` is asked whether to look again after the end was reached.
fn walk(
    pages: &Pages,
    mut fetch: impl FnMut(u64, u64) -> Result<Page, Error>,
    mut write: impl FnMut(&[String]) -> anyhow::Result<()>,
    mut rest: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let (mut after, mut left) = (pages.after, pages.limit.unwrap_or(u64::MAX));
    loop {
        let asked = left.min(PAGE_ITEMS);
        let page = match fetch(after, asked) {
            Ok(page) => page,
            // A host that is restarted is followed on.
            Err(error) if pages.follow && error.is_temporary() && after > pages.after => {
                if !rest() {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if !page.lines.is_empty() {
            write(&page.lines)?;
        }
        left = left.saturating_sub(page.lines.len() as u64);
        let end = page.lines.is_empty();
        after = page.next.max(after);
        if left == 0 || (end && !(pages.follow && rest())) {
            return Ok(());
        }
    }
}

/// An item as one line of JSON.
pub fn json_line(item: &impl Serialize) -> String {
    serde_json::to_string(item).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal with an item at each of these positions.
    fn list(items: &[u64]) -> impl FnMut(u64, u64) -> Result<Page, Error> {
        move |after, limit| {
            let found: Vec<u64> = items.iter().copied().filter(|item| *item > after).take(limit.min(2) as usize).collect();
            Ok(Page { next: found.last().copied().unwrap_or(after), lines: found.iter().map(u64::to_string).collect() })
        }
    }

    fn walked(pages: &Pages, fetch: impl FnMut(u64, u64) -> Result<Page, Error>, mut rests: u32) -> String {
        let mut written = String::new();
        let write = |lines: &[String]| {
            written += &format!("{} ", lines.join(","));
            Ok(())
        };
        let rest = || {
            rests = rests.saturating_sub(1);
            rests > 0
        };
        walk(pages, fetch, write, rest).expect("a list");
        written
    }

    #[test]
    fn a_list_is_read_to_its_end_or_its_limit() {
        let items = [3, 5, 8, 9, 12];
        assert_eq!(walked(&Pages::default(), list(&items), 0), "3,5 8,9 12 ");
        assert_eq!(walked(&Pages { after: 5, ..Pages::default() }, list(&items), 0), "8,9 12 ");
        assert_eq!(walked(&Pages { limit: Some(3), ..Pages::default() }, list(&items), 0), "3,5 8 ");
        assert_eq!(walked(&Pages::default(), list(&[]), 0), "");
    }

    #[test]
    fn a_followed_list_goes_on_after_its_end_and_after_a_restart() {
        let mut calls = 0;
        let mut pages = list(&[3, 5, 8]);
        let fetch = |after, limit| {
            calls += 1;
            match calls {
                2 => Err(Error::Unreachable { url: "u".to_owned(), reason: "restart".to_owned() }),
                _ => pages(after, limit),
            }
        };
        assert_eq!(walked(&Pages { follow: true, ..Pages::default() }, fetch, 3), "3,5 8 ");
        assert_eq!(calls, 4);
    }
}
