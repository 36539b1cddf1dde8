//! `docs/reference.md` is what the program says of itself. `WEIRKEEPER_BLESS=1` writes it anew.

use crate::program;
use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");

const HEAD: &str = "# Command line\n\nWritten by the program itself: `WEIRKEEPER_BLESS=1 cargo test -p weirkeeper-tests \
                    --test it reference` brings it up to date.\n";

const COMMANDS: [&[&str]; 24] = [
    &[],
    &["demo"],
    &["simulate"],
    &["serve"],
    &["run"],
    &["recommend"],
    &["record"],
    &["replay"],
    &["fit"],
    &["fidelity"],
    &["import"],
    &["import", "csv"],
    &["check"],
    &["test"],
    &["explain"],
    &["actions"],
    &["actions", "list"],
    &["actions", "show"],
    &["actions", "approve"],
    &["actions", "reject"],
    &["pause"],
    &["resume"],
    &["schema"],
    &["completions"],
];

/// The trials of this area.
pub fn trials() -> Vec<Trial> {
    vec![Trial::test("reference::the_committed_page_is_what_the_program_says", committed)]
}

/// Every command's help, as wide as a page.
fn page() -> Result<String> {
    let mut page = HEAD.to_owned();
    for path in COMMANDS {
        let mut command = program::command(path.iter().copied().chain(["--help"]))?;
        let output = command.env("COLUMNS", "100").output()?;
        let title = ["weirkeeper"].iter().chain(path.iter()).copied().collect::<Vec<_>>().join(" ");
        let help = String::from_utf8(output.stdout)?;
        let help = if path.is_empty() { help } else { without_global(&help) };
        write!(page, "\n## {title}\n\n```text\n{}\n```\n", trimmed(&help))?;
    }
    Ok(page)
}

/// The options of every command stand once, at the top.
fn without_global(help: &str) -> String {
    let Some(from) = help.find("Global options:\n") else { return help.to_owned() };
    let to = help[from..].find("\nExit codes:").map_or(help.len(), |n| from + n + 1);
    format!("{}{}", &help[..from], &help[to..])
}

fn trimmed(help: &str) -> String {
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn committed() -> Result<(), Failed> {
    let page = page()?;
    if std::env::var_os("WEIRKEEPER_BLESS").is_some() {
        std::fs::write(PATH, &page)?;
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(committed == page, "docs/reference.md is behind: run with WEIRKEEPER_BLESS=1\n{page}");
    Ok(())
}
