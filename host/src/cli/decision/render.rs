//! A decision as text: who was asked, what each said, where it went.

use std::fmt::Write;

use crate::api::body::{ActionStory, CandidateView, DecisionView, EndView, ReachedView};
use crate::cli::output::{count, short, visible};

/// Indented lines.
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, depth: usize, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:indent$}{}", "", visible(line), indent = 2 * depth);
    }
}

/// All looks, the end, and what would be said now.
pub(super) fn story(story: &ActionStory) -> String {
    let mut out = Lines { text: String::new() };
    if let Some(first) = story.looks.first() {
        head(&mut out, first);
    }
    for look in &story.looks {
        self::look(&mut out, look);
    }
    match &story.end {
        Some(end) => out.add(0, &ended(end)),
        None if story.looks.last().is_some_and(|look| matches!(&*look.status, "sent" | "waiting" | "held")) => {
            out.add(0, "delivery: not ended");
        }
        None => {}
    }
    if let Some(reached) = &story.what_if {
        out.add(0, "If it were judged now:");
        reached.iter().for_each(|reached| out.add(1, &verdict(reached)));
        if reached.is_empty() {
            out.add(1, "no filter would be asked");
        }
    }
    out.text
}

fn head(out: &mut Lines, look: &DecisionView) {
    let origin = &look.origin;
    out.add(0, &format!("action {} for {}", look.action, look.person));
    out.add(
        1,
        &format!(
            "match {} of {} revision {} ({}), position {}  {}",
            origin.match_name,
            origin.deployment,
            origin.revision,
            short(&origin.digest),
            origin.position,
            look.fields.get()
        ),
    );
    if look.policy.is_empty() {
        return;
    }
    let scene = if look.scene.is_empty() { String::new() } else { format!(", scene {}", look.scene) };
    let DecisionView { policy, policy_revision, class, channel, expires, .. } = look;
    let line =
        format!("policy {policy} revision {policy_revision}: {class} message to {channel}{scene}, until {expires}");
    out.add(1, &line);
    out.add(1, &format!("content {}", look.content.get()));
}

fn look(out: &mut Lines, look: &DecisionView) {
    let cause = match &*look.cause {
        "match" => "the match".to_owned(),
        "release" => "its hold was over".to_owned(),
        "retry" => "another try".to_owned(),
        "arrival" => "the person came".to_owned(),
        other => other.to_owned(),
    };
    let DecisionView { time, attempt, position, .. } = look;
    out.add(0, &format!("{time}  look {attempt}: {cause}  [position {position}]"));
    look.candidates.iter().for_each(|one| out.add(1, &candidate(one)));
    let chain = &look.chain;
    if look.verdicts.is_empty() {
        out.add(1, "no filter was asked");
    } else {
        let (filters, part) = (count(look.verdicts.len() as u64, "filter"), part_revision);
        let parts = [part("platform", chain.platform), part("business", chain.business), part("policy", chain.policy)];
        out.add(1, &format!("chain of {filters}: {}", parts.join(", ")));
        look.verdicts.iter().for_each(|reached| out.add(2, &verdict(reached)));
    }
    out.add(1, &format!("=> {}", outcome(look)));
}

fn part_revision(name: &str, revision: u32) -> String {
    if revision == 0 { format!("{name} none") } else { format!("{name} revision {revision}") }
}

fn candidate(one: &CandidateView) -> String {
    let CandidateView { policy, revision, priority, fate } = one;
    format!("route {policy} revision {revision}, priority {priority}: {}", fate.replace('_', " "))
}

/// `platform/fatigue: deny daily {"count":3}  (revision 2, 0123456789ab)`
fn verdict(reached: &ReachedView) -> String {
    let mut line = format!("{}/{}: {}", reached.part, reached.filter, reached.answer.replace('_', " "));
    let mut add = |text: String| line.push_str(&text);
    if let Some(channel) = &reached.channel {
        add(format!(" to {channel}"));
    }
    if let Some(until) = &reached.until {
        add(format!(" until {until}"));
    }
    if let Some(reason) = &reached.reason {
        add(format!(" {reason}"));
    }
    if let Some(message) = &reached.message {
        add(format!(": {message}"));
    }
    if let Some(taken) = &reached.taken {
        add(format!(" (fails {taken})"));
    }
    if let Some(numbers) = reached.numbers.as_ref().filter(|numbers| numbers.get() != "{}") {
        add(format!(" {}", numbers.get()));
    }
    if let (Some(revision), Some(digest)) = (reached.revision, &reached.digest) {
        add(format!("  (revision {revision}, {})", short(digest)));
    }
    line
}

fn outcome(look: &DecisionView) -> String {
    let mut line = look.status.replace('_', " ");
    if let Some(sent) = &look.sent {
        line += &format!(" {} {}", if sent.attempted { "to" } else { "for" }, sent.channel);
        line += &sent.sequence.map_or_else(String::new, |sequence| format!(", number {sequence}"));
    }
    line += &look.until.as_ref().map_or_else(String::new, |until| format!(" until {until}"));
    line + &look.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"))
}

fn ended(end: &EndView) -> String {
    let reason = if end.reason.is_empty() { String::new() } else { format!(": {}", end.reason) };
    format!("{}  delivery {}{reason}  [position {}]", end.time, end.end.replace('_', " "), end.position)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A held message and the filters around that.
    pub fn look() -> DecisionView {
        serde_json::from_str(
            r#"{"position":44,"time":"T1","action":"00ff","person":"u:1","origin":{"position":40,"match":"high_risk",
                "deployment":"c2c","revision":1,"digest":"0123456789abcdef"},"policy":"warn","policy_revision":2,
                "class":"marketing","channel":"app","scene":"home","priority":3,"content":{"t":1},"fields":{"n":3},
                "expires":"E","attempt":1,"cause":"match","candidates":[
                {"policy":"late","revision":1,"priority":9,"fate":"not_yet_valid"},
                {"policy":"warn","revision":2,"priority":3,"fate":"chosen"}],
                "chain":{"platform":4,"business":0,"policy":1},"verdicts":[
                {"part":"platform","filter":"list","revision":3,"digest":"aaaaaaaaaaaabbbb","answer":"allow","numbers":{}},
                {"part":"platform","filter":"lab","answer":"other_class"},
                {"part":"platform","filter":"sms","revision":1,"digest":"cccccccccccc","answer":"downgrade","channel":"log"},
                {"part":"platform","filter":"odd","revision":1,"digest":"dddddddddddd","answer":"error","reason":"trap",
                 "message":"unreachable","taken":"open"},
                {"part":"policy:warn","filter":"night","revision":1,"digest":"eeeeeeeeeeee","answer":"hold","reason":"quiet",
                 "numbers":{"hour":23},"until":"U"},
                {"part":"policy:warn","filter":"fatigue","answer":"not_reached"}],
                "status":"held","until":"U","reason":"quiet"}"#,
        )
        .expect("a body")
    }

    #[test]
    fn a_story_shows_every_verdict_the_route_and_the_end() {
        let released = serde_json::from_str(
            r#"{"position":50,"time":"T2","action":"00ff","person":"u:1","origin":{"position":40,"match":"high_risk",
                "deployment":"c2c","revision":1,"digest":"0123456789abcdef"},"policy":"warn","policy_revision":2,
                "class":"marketing","channel":"app","priority":3,"content":{},"fields":{},"expires":"E","attempt":2,
                "cause":"release","chain":{"platform":0,"business":0,"policy":0},"verdicts":[],"status":"sent",
                "sent":{"channel":"log","sequence":7,"attempted":true}}"#,
        )
        .expect("a body");
        let end = EndView {
            position: 60,
            time: "T3".to_owned(),
            action: "00ff".to_owned(),
            person: "u:1".to_owned(),
            match_name: "high_risk".to_owned(),
            policy: "warn".to_owned(),
            end: "expired_unacked".to_owned(),
            reason: "too many".to_owned(),
        };
        let what_if = Some(look().verdicts.split_off(5));
        let story = ActionStory { action: "00ff".to_owned(), looks: vec![look(), released], end: Some(end), what_if };
        assert_eq!(
            super::story(&story),
            "action 00ff for u:1\n  \
             match high_risk of c2c revision 1 (0123456789ab), position 40  {\"n\":3}\n  \
             policy warn revision 2: marketing message to app, scene home, until E\n  \
             content {\"t\":1}\n\
             T1  look 1: the match  [position 44]\n  \
             route late revision 1, priority 9: not yet valid\n  \
             route warn revision 2, priority 3: chosen\n  \
             chain of 6 filters: platform revision 4, business none, policy revision 1\n    \
             platform/list: allow  (revision 3, aaaaaaaaaaaa)\n    \
             platform/lab: other class\n    \
             platform/sms: downgrade to log  (revision 1, cccccccccccc)\n    \
             platform/odd: error trap: unreachable (fails open)  (revision 1, dddddddddddd)\n    \
             policy:warn/night: hold until U quiet {\"hour\":23}  (revision 1, eeeeeeeeeeee)\n    \
             policy:warn/fatigue: not reached\n  \
             => held until U: quiet\n\
             T2  look 2: its hold was over  [position 50]\n  \
             no filter was asked\n  \
             => sent to log, number 7\n\
             T3  delivery expired unacked: too many  [position 60]\n\
             If it were judged now:\n  \
             policy:warn/fatigue: not reached\n"
        );
    }

    #[test]
    fn a_match_without_a_route_has_no_policy_to_show() {
        let look = DecisionView {
            policy: String::new(),
            verdicts: vec![],
            candidates: vec![],
            status: "no_route".to_owned(),
            until: None,
            reason: None,
            ..look()
        };
        let story = ActionStory { action: "00ff".to_owned(), looks: vec![look], end: None, what_if: Some(vec![]) };
        let text = super::story(&story);
        assert!(!text.contains("policy ") && text.contains("=> no route\nIf it"), "{text}");
        assert!(text.ends_with("If it were judged now:\n  no filter would be asked\n"), "{text}");
    }
}
