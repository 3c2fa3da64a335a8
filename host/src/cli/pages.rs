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
/// A page that looked at fewer positions, and is not full, has reached the end of the journal. One that the host cut
/// short because its time was over has looked at many more; on a busy host the very end is never reached.
const FEW_POSITIONS: u64 = 4_096;

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

/// Fetches page after page to the end of the list, for what `fetch` makes of them.
pub fn each(pages: &Pages, fetch: impl FnMut(u64, u64) -> Result<Page, Error>) -> anyhow::Result<()> {
    walk(pages, fetch, |_| Ok(()), || false)
}

/// `rest` is asked whether to look again after the end was reached.
fn walk(
    pages: &Pages,
    mut fetch: impl FnMut(u64, u64) -> Result<Page, Error>,
    mut write: impl FnMut(&[String]) -> anyhow::Result<()>,
    mut rest: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let (mut after, mut left) = (pages.after, pages.limit.unwrap_or(u64::MAX));
    // The host may hold pages smaller than what is asked for.
    let mut fullest = 1;
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
        let end = page.lines.len() < fullest && page.next.saturating_sub(after) < FEW_POSITIONS;
        fullest = fullest.max(page.lines.len());
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
            let found: Vec<u64> =
                items.iter().copied().filter(|item| *item > after).take(limit.min(2) as usize).collect();
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
    fn a_page_that_the_host_cut_short_is_not_the_end() {
        let mut pages = vec![
            (vec![], 90_000),
            (vec![95_000], 99_000),
            (vec![], 120_000),
            (vec![121_000], 121_000),
            (vec![], 121_000),
        ];
        let fetch = |_, _| {
            let (items, next): (Vec<u64>, u64) = pages.remove(0);
            Ok(Page { lines: items.iter().map(u64::to_string).collect(), next })
        };
        assert_eq!(walked(&Pages::default(), fetch, 0), "95000 121000 ");
    }

    #[test]
    fn a_list_that_grows_all_the_time_ends_where_it_was_met() {
        let fetch = |after: u64, limit: u64| {
            let found = if after < 500 { limit } else { 3 };
            Ok(Page { lines: vec!["x".to_owned(); found as usize], next: after + found })
        };
        assert_eq!(walked(&Pages::default(), fetch, 0).matches('x').count(), 503);
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
