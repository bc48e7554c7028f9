//! Compiles what the benchmark is made of: the measuring child and the floor.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What was compiled, as long as this lives.
pub(crate) struct Programs {
    dir: TempDir,
}

impl Programs {
    pub(crate) fn compile() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["child", "floor"] {
            let source =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/bench/{name}.c"));
            let status = Command::new("cc")
                .args(["-O2", "-static", "-o"])
                .arg(dir.path().join(name))
                .arg(source)
                .status();
            assert!(
                status.expect("a C compiler, called cc").success(),
                "cannot compile {name}.c"
            );
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
