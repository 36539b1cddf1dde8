//! Weirkeeper: the shell around `weirkeeper-core`.
