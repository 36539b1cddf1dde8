//! Tests of the Flink side against a fake server: recorded answers of real clusters, and faults.

mod execute;
mod fake;
mod faults;
mod fleet;
mod recorded;
mod redeploy;
mod tls;
mod traps;
