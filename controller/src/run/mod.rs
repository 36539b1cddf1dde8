//! The run loop, and `weirkeeper run`.

pub mod act;
pub mod command;
pub mod engine;
pub mod flink_world;
pub mod input;
pub mod killswitch;
pub mod mainloop;
pub mod narrate;
pub mod poll;
pub mod seen;
pub mod tick;
pub mod watch;
pub mod world;
