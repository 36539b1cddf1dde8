//! The token that a change needs: in a file beside the state, for its owner alone.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// 256 bits: nobody guesses it.
const BYTES: usize = 32;

/// The token. It has no `Debug`: it is shown nowhere.
#[derive(Clone)]
pub struct Token(String);

/// Where the token of a state file is: `STATE.token`.
pub fn path(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".token");
    name.into()
}

impl Token {
    /// Reads the file, or makes one. A file that others can read is refused: it is no secret any more.
    pub fn read_or_make(path: &Path) -> Result<Token, String> {
        match Token::read(path) {
            Ok(token) => {
                check_mode(path)?;
                Ok(token)
            }
            Err(e) if path.exists() => Err(e),
            Err(_) => make(path),
        }
    }

    /// Reads the file.
    pub fn read(path: &Path) -> Result<Token, String> {
        let text =
            std::fs::read_to_string(path).map_err(|e| format!("{}: cannot read the token: {e}", path.display()))?;
        match text.trim() {
            "" => {
                Err(format!("{}: it holds no token; remove it, and it is made again at the next start", path.display()))
            }
            token => Ok(Token(token.to_owned())),
        }
    }

    /// As the value of the header `Authorization`.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether a header is the right one. The time it takes tells nothing of where it differs.
    pub fn accepts(&self, header: Option<&str>) -> bool {
        let right = self.header();
        let given = header.unwrap_or_default();
        let differs = right.bytes().zip(given.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        right.len() == given.len() && differs == 0
    }
}

fn check_mode(path: &Path) -> Result<(), String> {
    let mode = std::fs::metadata(path).map_err(|e| format!("{}: {e}", path.display()))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!("{}: others can read this token (mode {:o}): chmod 600 it, or remove it", path.display(), mode & 0o777))
}

fn make(path: &Path) -> Result<Token, String> {
    let bad = |e: &dyn std::fmt::Display| format!("{}: cannot make the token: {e}", path.display());
    let mut bytes = [0_u8; BYTES];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| bad(&"no random numbers"))?;
    let token: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(|e| bad(&e))?;
    writeln!(file, "{token}").and_then(|()| file.sync_all()).map_err(|e| bad(&e))?;
    Ok(Token(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(&dir.path().join("s"));
        let made = Token::read_or_make(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(made.header().len(), "Bearer ".len() + 64);
        let again = Token::read_or_make(&file).unwrap();
        assert!(again.accepts(Some(&made.header())));
        let other = Token::read_or_make(&dir.path().join("other")).unwrap();
        assert!(!other.accepts(Some(&made.header())));
        for wrong in [None, Some(""), Some("Bearer "), Some("Bearer x")] {
            assert!(!made.accepts(wrong));
        }
    }

    #[test]
    fn one_that_others_can_read_or_that_is_empty_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t");
        std::fs::write(&file, "abc\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::read_or_make(&file).err().unwrap().contains("chmod 600"));
        std::fs::write(&file, "\n").unwrap();
        assert!(Token::read_or_make(&file).err().unwrap().contains("no token"));
    }
}
