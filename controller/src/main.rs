//! The program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One TLS provider in the whole process, chosen before anything can ask for one. An error: there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ExitCode::from(weirkeeper::cli::main(std::env::args_os()))
}
