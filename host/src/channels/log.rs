//! The host's log as a channel: one line for each action, for trying policies out and for whoever collects logs.

use super::Delivery;

/// Writes one line at level info, target `fishpond::actions`. Content and fields are JSON texts.
pub fn deliver_log(delivery: &Delivery) {
    let action = &*delivery.action;
    tracing::info!(
        target: "fishpond::actions",
        business = &*action.business,
        person = &*action.person,
        action = %action.id,
        attempt = delivery.attempt,
        policy = &*action.policy,
        policy_revision = action.policy_revision,
        r#match = &*action.origin.match_name,
        class = action.class.name(),
        scene = &*action.scene,
        content = &*action.content,
        fields = &*action.fields,
        "action"
    );
}
