//! Exit codes, and how a command ends that cannot go on.

/// Done.
pub const OK: u8 = 0;
/// Problems were found, or the answer is no.
pub const NO: u8 = 1;
/// It could not be done.
pub const CANNOT: u8 = 2;

/// A command that ends with something to say.
#[derive(Debug)]
pub struct Stop {
    /// The exit code.
    pub code: u8,
    /// One message a line, each with the way out where there is one.
    pub messages: Vec<String>,
    /// Whether the messages are a report whose form is its own: `PATH:LINE:COL: ...`.
    pub bare: bool,
}

impl Stop {
    /// It could not be done.
    pub fn cannot(message: impl Into<String>) -> Stop {
        Stop { code: CANNOT, messages: vec![message.into()], bare: false }
    }

    /// It could not be done, for several reasons.
    pub fn cannot_all(messages: Vec<String>) -> Stop {
        Stop { code: CANNOT, messages, bare: false }
    }

    /// It could not be done, because of what stands in files.
    pub fn report(messages: Vec<String>) -> Stop {
        Stop { code: CANNOT, messages, bare: true }
    }

    /// The answer is no.
    pub fn no(message: impl Into<String>) -> Stop {
        Stop { code: NO, messages: vec![message.into()], bare: false }
    }

    /// Something broke that should not.
    pub fn broke(error: impl Into<anyhow::Error>) -> Stop {
        Stop::cannot(format!("{:#}", error.into()))
    }
}
