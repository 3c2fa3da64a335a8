//! Why: publishing needs a permission that operators see; whoever holds a [`Publisher`] has asked for it.

/// The permission to publish. From `plan.publishes()`, for `cx.publish(..)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publisher(());

impl Publisher {
    pub(crate) fn new() -> Self {
        Self(())
    }
}
