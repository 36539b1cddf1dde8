//! Controllers to compare with Weirkeeper. They live here only: nothing that decides about a real job uses them.

pub mod fixed;
pub mod operator;
pub mod options;
pub mod weirkeeper;
