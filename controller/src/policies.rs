//! The policies in use: read at the start, read again when their files change, the last good set kept.

use crate::policy::{HotReload, too_short_for};
use crate::run::input::{Inbox, Input};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Millis;

/// The files are looked at this often: an edit counts within moments, and reading a folder of text costs nothing.
const LOOK: Duration = Duration::from_secs(5);

/// The policies of a folder, or the built-in one.
pub struct Policies {
    source: HotReload,
    interval: Millis,
}

impl Policies {
    /// Reads them, or gives every problem.
    pub fn load(folder: Option<&Path>, interval: Millis) -> Result<Policies, Vec<String>> {
        let paths: Vec<PathBuf> = folder.iter().map(|f| f.to_path_buf()).collect();
        let source = HotReload::start(&paths).map_err(|bad| bad.report())?;
        let policies = Policies { source, interval };
        policies.warn();
        Ok(policies)
    }

    /// The last good set.
    pub fn current(&self) -> Vec<Policy> {
        self.source.policies().to_vec()
    }

    fn warn(&self) {
        for sentence in too_short_for(self.source.policies(), self.interval) {
            tracing::warn!("{sentence}");
        }
    }

    /// Looks again, and says what it found; the new set, if there is a good one.
    fn look(&mut self) -> Option<Vec<Policy>> {
        match self.source.poll()? {
            Ok(policies) => {
                let names: Vec<_> = policies.iter().map(|p| p.name.as_str()).collect();
                tracing::info!(policies = names.join(" "), "the policies changed: they count from now on");
                self.warn();
                Some(self.current())
            }
            Err(bad) => {
                tracing::error!("the policies changed and cannot be used; the last good ones stay");
                bad.report().iter().for_each(|line| tracing::error!("{line}"));
                None
            }
        }
    }

    /// Looks again and again until told to stop.
    pub async fn follow(mut self, inbox: Inbox, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                _ = ticks.tick() => {}
            }
            let looked = tokio::task::spawn_blocking(move || {
                let found = self.look();
                (self, found)
            });
            let Ok((again, found)) = looked.await else {
                tracing::error!(
                    "reading the policies failed (please report this): the present ones stay until the restart"
                );
                return;
            };
            self = again;
            if let Some(policies) = found
                && inbox.send(Input::Policies(policies)).await.is_err()
            {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, tail: &str) -> String {
        format!("apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\n{tail}")
    }

    #[test]
    fn a_change_counts_and_a_bad_one_leaves_the_last_good_set() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.yaml");
        std::fs::write(&file, policy("one", "")).unwrap();
        let mut policies = Policies::load(Some(dir.path()), Millis::secs(15)).unwrap();
        assert_eq!(policies.current()[0].name, "one");
        assert!(policies.look().is_none(), "nothing changed");
        std::fs::write(&file, policy("two", "nonsense: 1\n")).unwrap();
        assert!(policies.look().is_none());
        assert_eq!(policies.current()[0].name, "one");
        std::fs::write(&file, policy("two", "")).unwrap();
        assert_eq!(policies.look().unwrap()[0].name, "two");
    }

    #[test]
    fn t49_an_empty_folder_is_an_error_and_no_folder_is_the_built_in_default() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Policies::load(Some(dir.path()), Millis::secs(15)).is_err());
        assert!(!Policies::load(None, Millis::secs(15)).unwrap().current().is_empty());
    }
}
