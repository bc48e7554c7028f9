//! Checks that what editors and tools leave beside a program restarts nothing, and that what people
//! save does, also under a name that looks like it.

use std::fs;

use crate::ignores::{counts, start};
use crate::sandbox::{Rwatch, Sandbox};

/// Saves of these paths, and their removal, lead to none.
#[track_caller]
fn are_hidden(rwatch: &mut Rwatch, paths: &[&str]) {
    rwatch.ignores(|s| {
        for path in paths {
            s.write(path, "hidden");
            s.save(path, "hidden");
        }
    });
    rwatch.ignores(|s| paths.iter().for_each(|path| s.remove(path)));
}

#[test]
fn editors_leave_nothing_that_counts() {
    let sandbox = Sandbox::new().file("a.py", "").dir(".idea").dir(".vscode");
    let mut rwatch = start(sandbox, &[]);
    let paths = [
        ".a.py.swo",
        ".a.py.swa",
        ".swo",
        ".a.py.kate-swp",
        ".a.py.kak.9MnAJ1",
        ".goutputstream-9C1ZY1",
        ".~lock.a.odt#",
        "~$a.docx",
        "flycheck_a.py",
        "a.sublime-workspace",
        ".idea/workspace.xml",
        ".vscode/settings.json",
        ".history/a_1.py",
        "DEADJOE",
        "GTAGS",
    ];
    are_hidden(&mut rwatch, &paths);
    for path in ["flycheck_b.py", "a.sublime-project", ".a.svg", "tags"] {
        counts(&mut rwatch, path);
    }
}

#[test]
fn systems_and_tools_leave_nothing_that_counts() {
    let mut rwatch = start(Sandbox::new().dir("src"), &[]);
    let paths = [
        "._a.js",
        ".nfs00000000012c04f600000001",
        "src/.fuse_hidden0000000300000001",
        ".smbdeleteAAA0123",
        ".watchman-cookie-host-4711-12",
        ".mutagen-temporary-cross-device-rename1",
        ".attach_pid4711",
        "hs_err_pid4711.log",
        "src/a.pyc",
        ".pytest_cache/v/cache",
        "src/.mypy_cache/3.13/a.json",
        ".ruff_cache/0.9/1",
        ".coverage",
        ".coverage.host.4711.XnZqAb",
        ".eslintcache",
        "vite.config.ts.timestamp-1700000000000-ab12.mjs",
        "tsconfig.tsbuildinfo",
        ".next/cache/a",
    ];
    are_hidden(&mut rwatch, &paths);
    for path in [".coveragerc", "hs.log", "src/a.mjs", ".eslintrc"] {
        counts(&mut rwatch, path);
    }
}

#[test]
fn no_ignore_and_minus_w_show_them() {
    let mut rwatch = start(Sandbox::new().dir(".vscode"), &["--no-ignore"]);
    for path in [".a.js.swo", ".vscode/a.json", ".coverage", "._a"] {
        counts(&mut rwatch, path);
    }
    drop(rwatch);
    let sandbox = Sandbox::new().file("src/a.db", "").dir("src/.vscode/.idea");
    let watched = ["-w", "src", "-w", "src/a.db-wal", "-w", "src/.vscode"];
    let mut rwatch = start(sandbox.fences("src/"), &watched);
    for path in ["src/a.db-wal", "src/.vscode/a.json"] {
        counts(&mut rwatch, path);
    }
    are_hidden(&mut rwatch, &["src/.vscode/.idea/x", "src/a.db-shm"]);
}

#[test]
fn what_a_database_keeps_beside_is_hidden_beside_the_database_alone() {
    let mut rwatch = start(Sandbox::new().file("a.db", "").dir("b"), &[]);
    are_hidden(
        &mut rwatch,
        &["a.db-wal", "a.db-shm", "a.db-journal", "a.db.wal"],
    );
    for path in ["my-journal", "b-wal", "c.wal"] {
        counts(&mut rwatch, path);
    }
}

/// Runs a script of Python's here.
fn python(sandbox: &Sandbox, script: &str) {
    sandbox.tool("python3", &["-c", script]);
}

#[test]
fn a_database_that_is_written_in_wal_mode_restarts_nothing_before_it_is_checkpointed() {
    let sandbox = Sandbox::new();
    python(
        &sandbox,
        "import sqlite3; c = sqlite3.connect('a.db'); c.execute('pragma journal_mode=wal'); \
         c.execute('create table t(x)'); c.commit(); c.close()",
    );
    let mut rwatch = start(sandbox, &[]);
    let insert = "import os, sqlite3; c = sqlite3.connect('a.db'); \
                  c.execute('insert into t values(1)'); c.commit(); os._exit(0)";
    rwatch.ignores(|s| python(s, insert));
    assert!(rwatch.path("a.db-wal").exists());
    // Who closes it last writes to the file itself.
    let close =
        "import sqlite3; c = sqlite3.connect('a.db'); c.execute('select * from t'); c.close()";
    rwatch.notices("a.db", |s| python(s, close));
}

#[test]
fn a_virtual_environment_is_hidden_as_soon_as_it_is_one() {
    let mut rwatch = start(Sandbox::new().file("venv/a.py", ""), &[]);
    counts(&mut rwatch, "venv/a.py");
    rwatch.ignores(|s| s.write("venv/pyvenv.cfg", "home = /usr/bin\n"));
    rwatch.ignores(|s| s.save("venv/a.py", ""));
    // What else has such a file is somebody's own.
    rwatch.notices("tool/pyvenv.cfg", |s| s.write("tool/pyvenv.cfg", ""));
    counts(&mut rwatch, "tool/a.py");
}

#[test]
fn a_virtual_environment_that_is_made_now_is_hidden() {
    let mut rwatch = start(Sandbox::new(), &[]);
    rwatch.tool("python3", &["-m", "venv", "--without-pip", "env"]);
    rwatch.settle();
    rwatch.ignores(|s| s.write("env/lib/a.py", ""));
    rwatch.ignores(|s| fs::remove_dir_all(s.path("env")).expect("a directory"));
}

#[test]
fn a_second_vim_with_the_same_file_restarts_nothing() {
    // The swap file of the first one.
    let sandbox = Sandbox::new().file("a.js", "").file(".a.js.swp", "");
    let mut rwatch = start(sandbox, &[]);
    rwatch.ignores(|s| {
        let tell = format!("call writefile([swapname('%')], '{}')", s.side("swap"));
        let keys = ["set shortmess+=A", "edit a.js", "normal ix", &tell, "quit!"];
        let keys = keys.iter().flat_map(|key| ["-c", key]);
        let args: Vec<&str> = ["-u", "NONE", "-N", "-es"]
            .into_iter()
            .chain(keys)
            .collect();
        s.tool("vim", &args);
        assert_eq!(s.log("swap"), [".a.js.swo"]);
    });
}
