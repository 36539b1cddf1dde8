//! Checkpoints, restarts and rescales.
