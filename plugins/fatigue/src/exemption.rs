//! Why: a payment must reach a person who has been tired by offers, and the operator says whether it tires them more.

use fishpond_sdk::{Action, MessageClass};

/// What sets an action's bits. Selectors that are None fit everything.
#[derive(Debug)]
pub struct Exemption {
    pub classes: Option<Vec<MessageClass>>,
    pub policies: Option<Vec<String>>,
    pub matches: Option<Vec<String>>,
    pub scenes: Option<Vec<String>>,
    pub bits: Bits,
}

/// The two questions about an action; by default it respects the caps and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    pub ignores_cap: bool,
    pub counts: bool,
}

/// Those of the first exemption that fits the action.
pub fn bits(exemptions: &[Exemption], action: &Action) -> Bits {
    let fits = exemptions.iter().find(|exemption| exemption.fits(action));
    fits.map_or(Bits { ignores_cap: false, counts: true }, |exemption| exemption.bits)
}

impl Exemption {
    fn fits(&self, action: &Action) -> bool {
        let names = |list: &Option<Vec<String>>, name: &String| list.as_ref().is_none_or(|list| list.contains(name));
        self.classes.as_ref().is_none_or(|classes| classes.contains(&action.message_class))
            && names(&self.policies, &action.policy)
            && names(&self.matches, &action.match_name)
            && names(&self.scenes, &action.scene)
    }
}
