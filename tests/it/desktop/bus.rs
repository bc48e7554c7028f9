//! A session bus with a desktop on it, which is started by the first notification.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::sandbox::Sandbox;

/// A bus; it ends with the test, and the desktop with it.
pub(super) struct Bus(Child);

impl Bus {
    /// A bus for the sandbox, and how its desktop is to be.
    pub(super) fn start(sandbox: Sandbox, manner: &str) -> (Self, Sandbox) {
        let desktop = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/desktop.py");
        let services = sandbox.side("data/dbus-1/services");
        fs::create_dir_all(&services).expect("a writable sandbox");
        // The system's Python: that is the one that packages are for.
        let service = format!(
            "[D-BUS Service]\nName=org.freedesktop.Notifications\nExec=/usr/bin/python3 {} {} {manner}\n",
            desktop.display(),
            sandbox.side("notifications"),
        );
        fs::write(format!("{services}/desktop.service"), service).expect("a writable sandbox");
        let address = format!("unix:path={}", sandbox.side("bus"));
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1", "--address"])
            .arg(&address)
            .env("XDG_DATA_HOME", sandbox.side("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon starts");
        let mut stdout = BufReader::new(bus.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout
            .read_line(&mut line)
            .expect("it says when it listens");
        assert!(line.starts_with(&address), "{line}");
        (Self(bus), sandbox.env("DBUS_SESSION_BUS_ADDRESS", &address))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
