//! `fishpond decision list`: looks and ends, newest first.

use clap::Args;

use crate::api::body::{DecisionPage, DecisionView, EndView};
use crate::cli::client::{Client, Error};
use crate::cli::output::table;
use crate::cli::{Global, output, pages, time};

/// Most of one request.
const PAGE_ITEMS: u64 = 500;

/// List what was decided, newest first
///
/// Looks at actions with their status and reason, and ends of deliveries. With --json one object in each line.
///
/// Example:
///
///     fishpond decision list --match high_risk --reason denied --limit 20
#[derive(Args, Debug, Default)]
#[command(verbatim_doc_comment, after_help = "Next: `fishpond decision show ACTION` shows one with every verdict.")]
pub struct ListArgs {
    /// Only about this person
    #[arg(long)]
    person: Option<String>,
    /// Only for matches of this name
    #[arg(long = "match", value_name = "NAME")]
    match_name: Option<String>,
    /// Only of this policy
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
    /// Only with this status, end, reason of a filter, or code of its error
    #[arg(long)]
    reason: Option<String>,
    /// Only from then on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Only before then (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// Some more may come: what was decided together is shown together
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

/// One line, beside the position it belongs to.
enum Item {
    Look(Box<DecisionView>),
    End(EndView),
}

pub(super) fn run(arguments: &ListArgs, global: &Global) -> anyhow::Result<()> {
    let client = Client::new(global)?;
    let path = client.path(&["decisions"]);
    let fetch = |before: Option<u64>, limit: u64| -> Result<DecisionPage, Error> {
        let parameters = [
            ("person", arguments.person.clone()),
            ("match", arguments.match_name.clone()),
            ("policy", arguments.policy.clone()),
            ("reason", arguments.reason.clone()),
            ("since", arguments.since.clone()),
            ("until", arguments.until.clone()),
            ("limit", Some(limit.to_string())),
            ("before", before.map(|before| before.to_string())),
        ];
        client.get(&path, &parameters)?.parse()
    };
    let items = collect(arguments.limit, fetch)?;
    if global.json {
        let lines: Vec<String> = items.iter().map(json).collect();
        return if lines.is_empty() { Ok(()) } else { Ok(output::print(&lines.join("\n"))?) };
    }
    if items.is_empty() {
        let hint = "nothing was decided yet, or nothing like this: `fishpond policy list` shows what acts on matches";
        return Ok(output::print(hint)?);
    }
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    Ok(output::print(&table(&["TIME", "PERSON", "MATCH", "POLICY", "STATUS", "REASON", "ACTION"], &rows))?)
}

/// Page by page, newest first.
fn collect(
    limit: u64,
    mut fetch: impl FnMut(Option<u64>, u64) -> Result<DecisionPage, Error>,
) -> Result<Vec<Item>, Error> {
    let (mut items, mut before) = (Vec::new(), None);
    loop {
        let left = limit.saturating_sub(items.len() as u64);
        let page = fetch(before, left.min(PAGE_ITEMS))?;
        let looks = page.decisions.into_iter().map(|look| Item::Look(Box::new(look)));
        let mut new: Vec<Item> = looks.chain(page.ends.into_iter().map(Item::End)).collect();
        new.sort_by_key(|item| std::cmp::Reverse(item.position()));
        items.extend(new);
        before = page.next;
        if before.is_none() || items.len() as u64 >= limit {
            return Ok(items);
        }
    }
}

impl Item {
    fn position(&self) -> u64 {
        match self {
            Item::Look(look) => look.position,
            Item::End(end) => end.position,
        }
    }
}

fn json(item: &Item) -> String {
    match item {
        Item::Look(look) => pages::json_line(look),
        Item::End(end) => pages::json_line(end),
    }
}

fn row(item: &Item) -> Vec<String> {
    match item {
        Item::Look(look) => vec![
            look.time.clone(),
            look.person.clone(),
            look.origin.match_name.clone(),
            dash(&look.policy),
            status(look),
            dash(look.reason.as_deref().unwrap_or_default()),
            look.action.clone(),
        ],
        Item::End(end) => vec![
            end.time.clone(),
            end.person.clone(),
            end.match_name.clone(),
            end.policy.clone(),
            end.end.clone(),
            dash(&end.reason),
            end.action.clone(),
        ],
    }
}

fn status(look: &DecisionView) -> String {
    match &look.until {
        Some(until) => format!("{} until {until}", look.status),
        None => look.status.clone(),
    }
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::look;
    use super::*;

    fn end(position: u64) -> EndView {
        EndView {
            position,
            time: "T".to_owned(),
            action: "a".to_owned(),
            person: "u".to_owned(),
            match_name: "m".to_owned(),
            policy: "p".to_owned(),
            end: "acknowledged".to_owned(),
            reason: String::new(),
        }
    }

    #[test]
    fn pages_are_read_until_there_is_enough_and_ends_stand_among_looks() {
        let at = |position| DecisionView { position, ..look() };
        let pages = |before: Option<u64>, _: u64| {
            let (decisions, ends, next) = match before {
                None => (vec![at(9), at(7)], vec![end(8)], Some(7)),
                Some(7) => (vec![], vec![], Some(4)),
                Some(4) => (vec![at(3)], vec![], Some(3)),
                _ => (vec![at(1)], vec![], None),
            };
            Ok(DecisionPage { position: 9, decisions, ends, next })
        };
        let positions =
            |limit: u64| -> Vec<u64> { collect(limit, pages).expect("a list").iter().map(Item::position).collect() };
        assert_eq!(positions(1), [9, 8, 7]);
        assert_eq!(positions(4), [9, 8, 7, 3]);
        assert_eq!(positions(100), [9, 8, 7, 3, 1]);
    }

    #[test]
    fn a_line_says_what_became_of_it() {
        let held = DecisionView { status: "held".to_owned(), until: Some("U".to_owned()), ..look() };
        assert_eq!(row(&Item::Look(Box::new(held)))[4], "held until U");
        assert_eq!(row(&Item::End(end(1))).join(" "), "T u m p acknowledged - a");
    }
}
