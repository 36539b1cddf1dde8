//! Cron expressions and spans of time that repeat.

use serde::{Deserialize, Serialize};

/// A parsed five-field cron expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    /// As written.
    pub text: String,
}
