//! The kill switch: a file beside the state. While it is there, or cannot be looked for, nothing is done.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use weirkeeper_core::event::KillSwitch;

/// Where the kill switch of a state file is: `STATE.pause`.
pub fn path(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".pause");
    name.into()
}

/// Looks. A dangling link counts as there: someone put it there.
pub fn read(path: &Path) -> KillSwitch {
    match std::fs::symlink_metadata(path) {
        Ok(_) => KillSwitch::On,
        Err(e) if e.kind() == ErrorKind::NotFound && folder_is_there(path) => KillSwitch::Off,
        Err(_) => KillSwitch::Unreadable,
    }
}

/// A folder that is gone (an unmounted volume) is not an absent switch.
fn folder_is_there(path: &Path) -> bool {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t43_present_is_on_and_what_cannot_be_told_is_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        let switch = path(&dir.path().join("s.redb"));
        assert_eq!(switch, dir.path().join("s.redb.pause"));
        assert_eq!(read(&switch), KillSwitch::Off);
        std::fs::write(&switch, "").unwrap();
        assert_eq!(read(&switch), KillSwitch::On);
        std::fs::remove_file(&switch).unwrap();
        std::os::unix::fs::symlink("/nowhere", &switch).unwrap();
        assert_eq!(read(&switch), KillSwitch::On, "a dangling link");
        assert_eq!(read(&dir.path().join("gone/s.pause")), KillSwitch::Unreadable, "the folder is not there");
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(read(&file.join("s.pause")), KillSwitch::Unreadable, "the folder is no folder");
    }
}
