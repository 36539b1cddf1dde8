//! Shared by the integration tests: see `it/main.rs`.
