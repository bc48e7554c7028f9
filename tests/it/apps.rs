//! Serves real apps: an edit of what they are made of is answered by a new process, and never
//! does the new one meet a port that the old one still holds.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::sandbox::{PATIENCE, Rwatch, Sandbox};

/// An address of this machine that no other test uses, also not in another run of the suite:
/// all of 127.0.0.0/8 is ours.
pub(crate) fn host() -> String {
    static NUMBER: AtomicU8 = AtomicU8::new(0);
    // Two runs at a time have pids that are near to each other.
    let [.., b, c] = process::id().to_be_bytes();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("127.{}.{b}.{c}", 1 + number % 254)
}

/// Waits for `listening PORT run RUN CHANGED`; the port, and the rest.
#[track_caller]
fn listening(rwatch: &mut Rwatch) -> (u16, String) {
    let line = rwatch.prints("listening * run *");
    let (port, rest) = line["listening ".len()..]
        .split_once(" run ")
        .expect("as matched");
    (port.parse().expect("a port"), rest.trim_end().to_owned())
}

/// What the app at this port answers.
#[track_caller]
fn get(host: &str, port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((host, port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer.split_once("\r\n\r\n").expect("headers").1.to_owned()
}

#[test]
fn an_edit_in_app_or_libs_is_served_by_a_new_process_and_no_other_edit_is() {
    let host = host();
    let sandbox = Sandbox::new()
        .fixture("node-app")
        .env("HOST", &host)
        .fences("app/");
    let mut rwatch = sandbox.start(["--watch", "app", "--watch", "libs"], ["node", "server.js"]);
    let (port, run) = listening(&mut rwatch);
    assert_eq!(run, "1");
    let first = get(&host, port, "/");
    assert!(first.starts_with("hello from "), "{first}");

    // Nobody watches these: the next start is about the edit after them alone.
    rwatch.save("server.js", "syntax error");
    rwatch.save("README.md", "new");
    assert_eq!(get(&host, port, "/"), first, "the same process answers");
    rwatch.save(
        "server.js",
        include_str!("../../fixtures/node-app/server.js"),
    );

    rwatch.save(
        "libs/text.js",
        "exports.greeting = 'bonjour'; exports.lost = 'perdu'",
    );
    let (port, run) = listening(&mut rwatch);
    assert_eq!(run, "2 libs/text.js");
    let second = get(&host, port, "/");
    assert!(second.starts_with("bonjour from "), "{second}");

    rwatch.save(
        "app/routes.js",
        "module.exports = (url) => `you asked for ${url}`",
    );
    let (port, run) = listening(&mut rwatch);
    assert_eq!(run, "3 app/routes.js");
    let third = get(&host, port, "/x");
    assert!(third.starts_with("you asked for /x from "), "{third}");
}

#[test]
fn a_python_app_is_served_anew_after_an_edit() {
    let host = host();
    let sandbox = Sandbox::new().fixture("python-app").env("HOST", &host);
    let mut rwatch = sandbox.start(["-e", "py"], ["python3", "app.py"]);
    let (port, _) = listening(&mut rwatch);
    assert!(get(&host, port, "/").starts_with("hello from "));
    let edited = include_str!("../../fixtures/python-app/app.py").replace("hello", "salut");
    rwatch.save("app.py", &edited);
    let (port, run) = listening(&mut rwatch);
    assert_eq!(run, "2 app.py");
    assert!(get(&host, port, "/").starts_with("salut from "));
}

#[test]
fn a_port_is_never_taken_twice() {
    // The shell dies of the stop signal at once, the server behind it closes 300 ms later.
    let host = host();
    let sandbox = Sandbox::new().fixture("node-app").env("HOST", &host);
    let sandbox = sandbox.env("PORT", "8123").env("CLOSE_MS", "300");
    let mut rwatch = sandbox.start(["-w", "app"], ["sh", "-c", "node server.js; true"]);
    listening(&mut rwatch);
    for run in 2..=16 {
        let name = ["app/a.js", "app/b.js"][run % 2];
        rwatch.save(name, "");
        // Were the port still taken, this would wait in vain, and show `cannot listen`.
        let (port, text) = listening(&mut rwatch);
        assert_eq!(
            (port, text),
            (8123, format!("{run} {name}")),
            "{}",
            rwatch.transcript()
        );
    }
    let output = rwatch.text();
    assert!(!output.contains("cannot listen"), "{output}");
}

#[test]
fn a_crashing_script_gives_up_its_budget() {
    let sandbox = Sandbox::new().fixture("crashing");
    let mut rwatch = sandbox.start(["-m", "2", "--backoff", "1ms..1ms"], ["./crash.sh"]);
    for run in 1..=3 {
        rwatch.prints(&format!("crashing, run {run}"));
    }
    rwatch.says("exited with code 1 after *; gave up after 2 restarts");
    assert_eq!(rwatch.exit(), crate::sandbox::Ended::Code(1));
}
