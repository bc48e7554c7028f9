//! Notifies a desktop that the tests play, on a bus of their own.

#[cfg(feature = "desktop")]
mod bus;

#[cfg(feature = "desktop")]
use self::bus::Bus;
#[cfg(feature = "desktop")]
use crate::sandbox::eventually;
use crate::sandbox::{Ended, Sandbox};

#[test]
#[cfg(not(feature = "desktop"))]
fn what_is_not_built_in_is_said_to_be_missing() {
    let mut rwatch = Sandbox::new().start(["--notify"], ["child"]);
    assert_eq!(rwatch.exit(), Ended::Code(2));
    let advice = rwatch.stderr();
    assert_eq!(advice.matches("--features desktop").count(), 1, "{advice}");
    assert_eq!(rwatch.stdout(), b"");
    // A file is for others, too.
    let sandbox = Sandbox::new().file("rwatch.toml", "notify = true\n");
    let mut rwatch = sandbox.start(["-m", "0"], ["true"]);
    rwatch.says("--notify is not built in: *");
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

#[test]
#[cfg(feature = "desktop")]
fn a_failure_is_shown_with_the_line_that_rwatch_says() {
    let script =
        "case $RWATCH_RUN in 1) exit 3 ;; esac; until [ -e $0 ]; do sleep 0.01; done; exit 4";
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let (_bus, sandbox) = Bus::start(sandbox, "");
    let mut rwatch = sandbox.start(["--notify", "-m", "1"], ["sh", "-c", script, &gate]);
    let failed = rwatch.says("exited with code 3 *");
    eventually("it is shown", || rwatch.log("notifications").len() == 1);
    rwatch.open("gate");
    assert_eq!(rwatch.exit(), Ended::Code(4));
    let gave_up = rwatch.says("*; gave up after 1 restart");

    let shown = rwatch.log("notifications");
    assert_eq!(shown.len(), 2, "{shown:?}");
    for (shown, line) in shown.iter().zip([failed, gave_up]) {
        let line = line.strip_prefix("[rwatch] ").expect("a line of rwatch");
        let body = format!(", \"{line}\"]");
        assert!(shown.ends_with(&body), "{shown} for {line}");
        assert!(shown.starts_with("[\"rwatch\", \"sh -c 'case "), "{shown}");
    }
}

#[test]
#[cfg(feature = "desktop")]
fn without_a_bus_one_line_says_so_and_all_goes_on() {
    let nobody = || {
        let sandbox = Sandbox::new();
        let address = format!("unix:path={}", sandbox.side("nobody"));
        sandbox.env("DBUS_SESSION_BUS_ADDRESS", &address)
    };
    let mut rwatch = nobody().start(["--notify"], ["child", "exit", "3"]);
    rwatch.ready();
    rwatch.says("cannot notify: *");
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    rwatch.says("exited with code 3 *");
    assert_eq!(
        rwatch.end_by(nix::sys::signal::Signal::SIGTERM),
        Ended::Signal(15)
    );
    let stderr = rwatch.stderr();
    assert_eq!(stderr.matches("cannot notify").count(), 1, "{stderr}");

    // Also if there is nothing more to wait for.
    let mut rwatch = nobody().start(["--notify", "-m", "0"], ["child", "exit", "3"]);
    assert_eq!(rwatch.exit(), Ended::Code(3));
    rwatch.says("exited with code 3 *");
    rwatch.says("cannot notify: *");
}

#[test]
#[cfg(feature = "desktop")]
fn a_desktop_that_does_not_answer_keeps_nobody_waiting() {
    let (_bus, sandbox) = Bus::start(Sandbox::new(), "deaf");
    let mut rwatch = sandbox.start(["--notify", "-w", "."], ["child", "exit", "3"]);
    rwatch.ready();
    eventually("it is told", || rwatch.log("notifications").len() == 1);
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    rwatch.says("exited with code 3 *");
    assert_eq!(
        rwatch.end_by(nix::sys::signal::Signal::SIGTERM),
        Ended::Signal(15)
    );
    assert_eq!(rwatch.log("notifications").len(), 1);
}
