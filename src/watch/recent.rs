//! Tells whether a burst gets on, or is about the same few paths again and again.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;

/// A path that comes again when so many others came in between is as good as a new one.
const REMEMBERED: usize = 50;

/// The paths that changed last, the latest one at the back.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<OsString>);

impl Recent {
    /// Takes in that a path changed; whether it is a new one.
    pub(super) fn is_new(&mut self, path: &Path) -> bool {
        // Most events are about the path that the one before was about.
        let path = path.as_os_str();
        if let Some(at) = self.0.iter().rposition(|recent| recent == path) {
            let known = self.0.remove(at);
            self.0.extend(known);
            return false;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(path.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these changes, which are about so many paths in turns, are new ones.
    fn new_ones(changes: usize, paths: usize) -> usize {
        let mut recent = Recent::default();
        let names = (0..changes).map(|n| format!("f{}", n % paths));
        names.filter(|name| recent.is_new(Path::new(name))).count()
    }

    #[test]
    fn a_path_that_comes_again_is_new_when_fifty_others_came_in_between() {
        assert_eq!(new_ones(1000, 1), 1);
        assert_eq!(new_ones(1000, 50), 50);
        assert_eq!(new_ones(1000, 51), 1000);
    }

    #[test]
    fn what_came_again_is_remembered_for_longer() {
        let mut recent = Recent::default();
        for n in 0..200 {
            let other = format!("f{n}");
            assert!(recent.is_new(Path::new(&other)));
            assert_eq!(recent.is_new(Path::new("log")), n == 0);
        }
    }
}
