//! Knows what is mounted at what is watched, above it and below it (proc_pid_mountinfo(5)).
//!
//! The table is read once when the watches are set up, and anew when the kernel says that it has
//! changed: no file or directory is asked what it is on. Whoever watches no place where something is
//! mounted pays for reading the table, and for nothing else.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::filter::Root;
use super::poll;
use crate::paths::below;

/// Linux's. Elsewhere there is none, and nothing is known.
const TABLE: &str = "/proc/self/mountinfo";

/// The table, to be waited for by poll(2), which says `POLLPRI` when something has been mounted or
/// unmounted since it was opened, or since it said so last.
pub fn table() -> Option<File> {
    File::open(TABLE).ok()
}

/// What is mounted where, as far as roots have to do with it.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    /// What is mounted on a root or on something below one, by the path that it has there.
    points: BTreeMap<PathBuf, Mount>,
    /// What each root is on.
    under: BTreeMap<PathBuf, Option<Mount>>,
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// Tells it from others. Not how it is mounted, which may change and changes no file.
    id: u64,
    /// The name of its file system.
    kind: Kind,
}

/// What matters of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The kernel makes up what is in it.
    Kernel(&'static str),
    /// What is changed elsewhere is not told here.
    Silent,
    /// It is one like any other.
    Plain,
}

impl Mounts {
    /// What is mounted now.
    pub(super) fn read(roots: &[Root]) -> Self {
        let mut mounts = Self::default();
        let table = fs::read(TABLE).unwrap_or_default();
        let lines = table.split(|byte| *byte == b'\n').filter_map(parse);
        let table = in_order(lines.collect());
        for root in roots {
            let real = real(&root.path);
            let mut under = None;
            for (point, mount) in &table {
                let at = if real.starts_with(point) {
                    under = Some(mount.clone());
                    root.path.clone()
                } else if let Ok(below) = point.strip_prefix(&real) {
                    root.path.join(below)
                } else {
                    continue;
                };
                // What is mounted later hides what was there.
                mounts.forget(&at);
                if point.starts_with(&real) {
                    mounts.points.insert(at, mount.clone());
                }
            }
            mounts.under.insert(root.path.clone(), under);
        }
        mounts
    }

    /// Takes in what is mounted now; the places where it is something else, the highest ones.
    pub(super) fn refresh(&mut self, roots: &[Root]) -> Vec<PathBuf> {
        let before = std::mem::replace(self, Self::read(roots));
        let points = before.points.keys().chain(self.points.keys());
        let points = points.filter(|at| before.points.get(*at) != self.points.get(*at));
        let under = self.under.keys();
        let under = under.filter(|root| before.under.get(*root) != self.under.get(*root));
        let mut changed: Vec<PathBuf> = points.chain(under).cloned().collect();
        changed.sort();
        changed.dedup_by(|below, above| below.starts_with(above));
        changed
    }

    /// Whether nothing is mounted on a root or below one.
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Whether anything is mounted on something right or deep in `dir`.
    pub(super) fn are_below(&self, dir: &Path) -> bool {
        self.below(dir).next().is_some()
    }

    /// Whether the kernel tells of every change below `dir`, as far as it is known here.
    pub(super) fn are_told_of_below(&self, dir: &Path) -> bool {
        !self.below(dir).any(|(_, mount)| mount.kind == Kind::Silent)
    }

    /// The places that something is mounted on that has files of its own.
    pub(super) fn points(&self) -> impl Iterator<Item = &Path> {
        let points = self.points.iter();
        let points = points.filter(|(_, mount)| !matches!(mount.kind, Kind::Kernel(_)));
        points.map(|(at, _)| at.as_path())
    }

    /// The name of the file system that is mounted on `path`, if the kernel makes up what is in it.
    pub(super) fn kernel_fs(&self, path: &Path) -> Option<&'static str> {
        match self.points.get(path)?.kind {
            Kind::Kernel(fs) => Some(fs),
            Kind::Silent | Kind::Plain => None,
        }
    }

    /// Whether something is mounted on `path`.
    pub(super) fn is_point(&self, path: &Path) -> bool {
        self.points.contains_key(path)
    }

    /// Takes out what is at `place` and below it.
    fn forget(&mut self, place: &Path) {
        let hidden = below(&self.points, place).map(|(at, _)| at.clone());
        let hidden: Vec<PathBuf> = hidden.collect();
        for at in hidden {
            self.points.remove(&at);
        }
    }

    fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Mount)> {
        below(&self.points, dir).filter(move |(at, _)| *at != dir)
    }
}

/// Where a path leads, also if what it names is not there.
fn real(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|dir| {
        let rest = path.strip_prefix(dir).ok()?;
        Some(dir.canonicalize().ok()?.join(rest))
    });
    there.unwrap_or_else(|| path.to_path_buf())
}

/// One line of the table.
#[derive(Debug, PartialEq)]
struct Line {
    id: u64,
    /// The mount that it is mounted on.
    on: u64,
    point: PathBuf,
    mount: Mount,
}

/// A line is `ID PARENT DEVICE ROOT POINT OPTIONS [TAGS] - TYPE SOURCE …`.
fn parse(line: &[u8]) -> Option<Line> {
    let mut words = line.split(|byte| *byte == b' ');
    let [id, on, device, root, point] = [(); 5].map(|()| words.next());
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    let mut hasher = DefaultHasher::new();
    // A number is used again, some day.
    (id, device, root, kind).hash(&mut hasher);
    let number = |word: Option<&[u8]>| std::str::from_utf8(word?).ok()?.parse().ok();
    let point = unescaped(point?);
    Some(Line {
        id: number(id)?,
        on: number(on)?,
        mount: Mount {
            id: hasher.finish(),
            kind: kind_of(kind, &point),
        },
        point,
    })
}

/// What is mounted, each mount behind the one that it is mounted on, of which the order of the table
/// says nothing.
fn in_order(table: Vec<Line>) -> Vec<(PathBuf, Mount)> {
    let known: HashSet<u64> = table.iter().map(|line| line.id).collect();
    // The root of a container is mounted on something that is not there, or on itself.
    let is_top = |line: &Line| line.id == line.on || !known.contains(&line.on);
    let (mut next, rest): (Vec<Line>, Vec<Line>) = table.into_iter().rev().partition(is_top);
    let mut above: HashMap<u64, Vec<Line>> = HashMap::new();
    for line in rest {
        above.entry(line.on).or_default().push(line);
    }
    let mut ordered = Vec::new();
    while let Some(line) = next.pop() {
        next.extend(above.remove(&line.id).unwrap_or_default());
        ordered.push((line.point, line.mount));
    }
    ordered
}

/// A blank, a tab, a line break and a backslash are written as `\NNN`.
fn unescaped(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, more @ ..] = rest {
        let code = more
            .get(..3)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &more[3..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// The file systems that are no place for files: what is in them is made up when somebody looks.
const KERNEL: [&str; 24] = [
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "functionfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
];

fn kind_of(name: &[u8], point: &Path) -> Kind {
    let name = std::str::from_utf8(name).unwrap_or_default();
    if let Some(kernel) = KERNEL.into_iter().find(|kernel| *kernel == name) {
        return Kind::Kernel(kernel);
    }
    // Containers have their own, with what they may have of it.
    if point == Path::new("/dev") {
        return Kind::Kernel("devtmpfs");
    }
    if poll::is_silent(name) {
        Kind::Silent
    } else {
        Kind::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, point: &str, kind: Kind) {
        let line = parse(line.as_bytes()).expect("a line of the table");
        assert_eq!((&*line.point, line.mount.kind), (Path::new(point), kind));
    }

    #[test]
    fn lines_of_the_table() {
        let bind = "39 27 254:0 /w/host\\040c /w/a\\134b\\040c rw,relatime - ext4 /dev/vda rw";
        check(bind, "/w/a\\b c", Kind::Plain);
        let shared = "22 27 0:21 / /proc rw shared:5 master:1 - proc proc rw";
        check(shared, "/proc", Kind::Kernel("proc"));
        let fuse = "40 27 0:40 / /w/src rw - fuse.bindfs /w/host rw,user_id=0";
        check(fuse, "/w/src", Kind::Silent);
        let dev = "24 27 0:6 / /dev rw - tmpfs tmpfs rw,size=65536k";
        check(dev, "/dev", Kind::Kernel("devtmpfs"));
        check(
            "25 24 0:7 / /dev/shm rw - tmpfs shm rw",
            "/dev/shm",
            Kind::Plain,
        );
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"22 27 0:21 / /proc rw"), None);
    }

    #[test]
    fn how_a_thing_is_mounted_does_not_matter() {
        let mount = |line: &str| parse(line.as_bytes()).expect("a line of the table").mount;
        let one = mount("39 27 8:1 / /w rw,relatime shared:1 - ext4 /dev/sda1 rw");
        assert_eq!(one, mount("39 27 8:1 / /w ro,relatime - ext4 /dev/sda1 ro"));
        assert_ne!(
            one,
            mount("40 27 8:1 / /w rw,relatime shared:1 - ext4 /dev/sda1 rw")
        );
        assert_ne!(
            one,
            mount("39 27 8:1 /x /w rw,relatime shared:1 - ext4 /dev/sda1 rw")
        );
    }

    #[test]
    fn what_is_mounted_comes_behind_what_it_is_mounted_on() {
        let lines = [
            "22 27 0:21 / /proc rw - proc proc rw",
            "30 31 0:9 / /a/b rw - tmpfs none rw",
            "27 1 254:0 / / rw - ext4 /dev/vda rw",
            "31 27 0:8 / /a rw - tmpfs none rw",
        ];
        let table = lines.map(|line| parse(line.as_bytes()).expect("a line of the table"));
        let ordered = in_order(table.into());
        let points: Vec<&str> = ordered.iter().filter_map(|(at, _)| at.to_str()).collect();
        assert_eq!(points, ["/", "/proc", "/a", "/a/b"]);
    }

    #[test]
    fn a_path_leads_somewhere_also_if_it_is_not_there() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let top = dir.path().canonicalize().expect("it exists");
        fs::create_dir(top.join("a")).expect("writable");
        std::os::unix::fs::symlink("a", top.join("b")).expect("writable");
        assert_eq!(real(&top.join("b/c/d")), top.join("a/c/d"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_mounted_below_a_root_is_found_by_its_path_there() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let link = dir.path().join("root");
        std::os::unix::fs::symlink("/", &link).expect("writable");
        let root = Root {
            name: "root".to_owned(),
            path: link.clone(),
            glob: None,
        };
        let mut mounts = Mounts::read(std::slice::from_ref(&root));
        assert_eq!(mounts.kernel_fs(&link.join("proc")), Some("proc"));
        assert!(mounts.are_below(&link));
        assert!(!mounts.are_below(&link.join("proc/self/nothing")));
        assert_eq!(mounts.refresh(&[root]), [""; 0].map(PathBuf::from));
    }
}
