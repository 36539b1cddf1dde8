//! What happened beside the figures: rescales, failures, gaps, changes of the context.

use super::context::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When, ms since the epoch.
    pub at: i64,
    /// It belongs before this row of its block.
    pub row: u32,
    /// What.
    #[serde(flatten)]
    pub kind: NoteKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoteKind {
    /// From that row on, this is what seldom changes.
    Context(Box<Context>),
    /// From that row on, these parts of the answers were missing, each in a few words.
    Missing(Vec<String>),
    /// The job could not be read at that time.
    #[serde(rename_all = "camelCase")]
    Unread {
        /// Why.
        why: String,
        /// An answer came that called itself incomplete.
        #[serde(default)]
        incomplete: bool,
    },
    /// Its parallelism was changed.
    #[serde(rename_all = "camelCase")]
    Rescale {
        /// Before, by vertex name.
        from: BTreeMap<String, u32>,
        /// After, by vertex name.
        to: BTreeMap<String, u32>,
        /// Why, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It failed, or a fault was put in.
    Failure {
        /// What is known of it.
        text: String,
    },
    /// Nothing was read from then on.
    #[serde(rename_all = "camelCase")]
    Gap {
        /// Until then, ms since the epoch.
        until: i64,
        /// Why, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// What a controller decided at that time, as it wrote it down.
    Decision(Value),
}
