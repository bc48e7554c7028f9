//! Finds out who belongs to a run, and what they are called.

use nix::unistd::Pid;

/// A process of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its process id.
    pub pid: i32,
    /// The name of its program, as the kernel has it.
    pub name: String,
}

/// The living processes of a group, by /proc (proc_pid_stat(5)). Zombies are not alive.
#[cfg(target_os = "linux")]
pub(super) fn members(group: Pid) -> Vec<Member> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut members: Vec<Member> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (name, pgrp) = name_and_group(&stat)?;
            (pgrp == group.as_raw()).then(|| Member {
                pid,
                name: name.to_owned(),
            })
        })
        .collect();
    members.sort_by_key(|member| member.pid);
    members
}

/// Elsewhere the group is all that is known.
#[cfg(not(target_os = "linux"))]
pub(super) fn members(group: Pid) -> Vec<Member> {
    vec![Member {
        pid: group.as_raw(),
        name: "its process group".to_owned(),
    }]
}

/// Whether a thread of the process runs at this moment, or waits for a disk.
#[cfg(target_os = "linux")]
pub(super) fn is_at_work(member: &Member) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", member.pid)) else {
        return false;
    };
    threads.flatten().any(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, tail)| tail.bytes().next());
        matches!(state, Some(b'R' | b'D'))
    })
}

/// Elsewhere nobody can tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_at_work(_: &Member) -> bool {
    false
}

/// The name and the group in a line of /proc/PID/stat, unless the process is dead. The name is in
/// parentheses, and may hold parentheses and blanks itself.
#[cfg(target_os = "linux")]
fn name_and_group(stat: &str) -> Option<(&str, i32)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = tail.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some((name, group))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "4711 (a) R (b) S 1 4700 4700 0 -1";
        assert_eq!(name_and_group(line), Some(("a) R (b", 4700)));
        assert_eq!(name_and_group("4711 (a) Z 1 4700 4700 0 -1"), None);
        assert_eq!(name_and_group(""), None);
    }

    #[test]
    fn we_are_a_member_of_our_own_group() {
        let me = std::process::id().cast_signed();
        assert!(
            members(nix::unistd::getpgrp())
                .iter()
                .any(|member| member.pid == me)
        );
    }
}
