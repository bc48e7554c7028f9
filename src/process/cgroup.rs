//! Ends those who multiply faster than they can be killed one by one.
//!
//! Who is in a control group is killed at one stroke, its newest children too (`cgroup.kill`, Linux
//! 5.14). That needs a cgroup of version 2 below which we may make one, as in a container, in a
//! unit with `Delegate=`, or for root; elsewhere nothing is said and the sweeps have to do.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group of our own.
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// A new one below the one that we are in, if that is allowed.
    pub(super) fn make(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let ours = fs::read_to_string("/proc/self/cgroup").ok()?;
        let cgroup = Self(path(&mounts, &ours)?.join(format!("rwatch-{name}")));
        fs::create_dir(&cgroup.0).ok()?;
        // Dropped, and removed, where the kernel is too old.
        cgroup.0.join("cgroup.kill").exists().then_some(cgroup)
    }

    /// Moves a process in. What it forks from now on is born there.
    pub(super) fn add(&self, pid: i32) {
        let _ = fs::write(self.0.join("cgroup.procs"), pid.to_string());
    }

    /// Kills everybody in it.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }
}

impl Drop for Cgroup {
    /// It can be removed when nobody lives in it any more.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The directory of the cgroup of version 2 that we are in (cgroups(7), proc_pid_mountinfo(5)).
fn path(mounts: &str, ours: &str) -> Option<PathBuf> {
    let (root, point) = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let found = fields.next().zip(fields.next());
        found.filter(|_| kind.starts_with("cgroup2 "))
    })?;
    let ours = ours.lines().find_map(|line| line.strip_prefix("0::"))?;
    // In a container the mount shows a part of the whole.
    let below = Path::new(ours).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mount: &str, ours: &str, expected: Option<&str>) {
        assert_eq!(path(mount, ours).as_deref(), expected.map(Path::new));
    }

    #[test]
    fn it_is_below_the_mount_of_version_2() {
        let v1 = "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n";
        let v2 = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n";
        let both = format!("{v1}{v2}");
        check(
            &both,
            "8:pids:/\n0::/user.slice/a\n",
            Some("/sys/fs/cgroup/user.slice/a"),
        );
        check(v2, "0::/\n", Some("/sys/fs/cgroup"));
        check(v1, "0::/\n", None);
        let part = v2.replace(" / /sys", " /docker/1 /sys");
        check(&part, "0::/docker/1/b\n", Some("/sys/fs/cgroup/b"));
        check(&part, "0::/elsewhere\n", None);
    }
}
