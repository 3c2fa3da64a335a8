//! Why: producers put the conversation, the seller and the kind of a message in different places.

use fishpond_sdk::{Event, Field, Path, Refusal, Subscription, data};
use serde_json::Value;

/// Bytes: with what stands before it, it is a member of a window.
pub const NAME_BYTES_MAX: usize = 240;

/// Where an event says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Subject,
    /// Member names joined by dots.
    Data(String),
}

/// The places that are read of every event.
#[derive(Debug)]
pub struct Said {
    pub conversation: Place,
    pub seller: Place,
    pub kind: Place,
    /// Kinds that are as if they had not been.
    pub ignored: Vec<String>,
}

/// What an event says; empty if it does not.
#[derive(Debug)]
pub struct Told {
    pub conversation: String,
    pub seller: String,
    pub ignored: bool,
}

impl Place {
    /// None: it is no place in an event.
    pub fn parse(text: &str) -> Option<Self> {
        let members = match text {
            "subject" => return Some(Self::Subject),
            other => other.strip_prefix("data.")?,
        };
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let name = |name: &str| !name.is_empty() && name.bytes().all(letter);
        let good = members.len() <= 250 && members.split('.').count() <= 8 && members.split('.').all(name);
        good.then(|| Self::Data(members.to_owned()))
    }

    pub fn path(&self) -> Path {
        match self {
            Self::Subject => Path::Subject,
            Self::Data(members) => data(members.clone()),
        }
    }

    /// As the host would make a key of it: text, or a number as text.
    fn read(&self, event: &Event, data: &Value) -> String {
        match self {
            Self::Subject => event.subject.clone(),
            Self::Data(members) => match members.split('.').try_fold(data, |value, member| value.get(member)) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => String::new(),
            },
        }
    }
}

impl Said {
    /// Lets arrive what [`Self::read`] reads.
    pub fn select<'p>(&self, subscription: &'p mut Subscription) -> &'p Subscription {
        let places = [&self.conversation, &self.seller, &self.kind];
        let paths: Vec<&str> = places
            .into_iter()
            .filter_map(|place| match place {
                Place::Data(members) => Some(members.as_str()),
                Place::Subject => None,
            })
            .collect();
        if paths.len() < places.len() {
            subscription.select([Field::Subject]);
        }
        if !paths.is_empty() {
            subscription.data_paths(paths);
        }
        subscription
    }

    /// # Errors
    /// `bad_event` if a name is too long to be counted.
    pub fn read(&self, event: &Event) -> Result<Told, Refusal> {
        let data = if event.data.is_empty() { Value::Null } else { event.data()? };
        let (conversation, seller) = (self.conversation.read(event, &data), self.seller.read(event, &data));
        for (what, name) in [("conversation", &conversation), ("seller", &seller), ("actor", &event.actor)] {
            if name.len() > NAME_BYTES_MAX {
                return Err(Refusal::bad_event(format!("the {what} has more than {NAME_BYTES_MAX} bytes")));
            }
        }
        let kind = self.kind.read(event, &data);
        Ok(Told { conversation, seller, ignored: self.ignored.contains(&kind) })
    }
}
