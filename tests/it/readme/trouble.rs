//! Troubleshooting, and the questions to `--explain`.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::sync::OnceLock;

use super::front::{interruptible, is_interrupted};
use super::{Case, Play, case, perhaps, server};
use crate::apps;
use crate::limits::with_at_most;
use crate::sandbox::{Sandbox, eventually};

pub(super) const RESTARTS: &[Case] = &[
    case(
        "It restarts twice $ rwatch -v -e js -- node server.js",
        || server().file("app/routes.js", "").file("libs/db.js", ""),
        |play| {
            play.shows(4);
            for _ in 0..2 {
                play.at_once(|sandbox| sandbox.write("app/routes.js", "// edited"));
                play.shows(5);
            }
        },
    ),
    case(
        "rwatch --delay 200ms -e js -- node server.js",
        server,
        |play| {
            play.prints("listening on port 3000");
            play.at_once(|sandbox| {
                sandbox.save("new.js", "");
                sandbox.save("new.js", "// formatted");
            });
            play.says("new.js changed, restarting");
            play.prints("listening on port 3000");
        },
    ),
    case(
        "It restarts for ever $ rwatch -- sh -c 'date >> runs.txt; exec node server.js'",
        server,
        Play::shows_the_rest,
    ),
];

pub(super) const CHANGES: &[Case] = &[
    case(
        "It does not see my change $ rwatch --explain dist/app.js",
        ignoring,
        no,
    ),
    case(
        "It does not see my change $ rwatch -e js --explain views/index.html",
        ignoring,
        no,
    ),
    case(
        "It does not see my change $ rwatch -w app --explain server.js",
        ignoring,
        no,
    ),
    case(
        "It does not see my change $ rwatch -i 'test/' --explain test/a.js",
        ignoring,
        no,
    ),
    case(
        "It does not see my change $ rwatch -w . -w dist --explain dist/app.js",
        ignoring,
        yes,
    ),
    case(
        "A file that git ignores, such as .env $ rwatch --explain .env",
        ignoring,
        no,
    ),
    case(
        "A file that git ignores, such as .env $ rwatch -w . -w .env --explain .env",
        ignoring,
        yes,
    ),
    case(
        "A file that git ignores, such as .env $ rwatch -i '!.env' --explain .env",
        ignoring,
        yes,
    ),
    case(
        "A file that git ignores, such as .env $ rwatch --env-file .env --explain .env",
        ignoring,
        yes,
    ),
    case(
        "What is ignored $ rwatch --explain node_modules/x/index.js",
        ignoring,
        no,
    ),
    case(
        "What is ignored $ rwatch -e js --explain src/a.js",
        ignoring,
        yes,
    ),
    case("Links $ rwatch --explain src/lib/one.js", linking, no),
];

fn ignoring() -> Sandbox {
    let sandbox = Sandbox::new().file(".gitignore", "dist/\n.env\n");
    let sandbox = sandbox.file("dist/app.js", "").file("app/a.js", "");
    sandbox.file("test/a.js", "").file(".env", "")
}

fn linking() -> Sandbox {
    let sandbox = Sandbox::new().dir("src").file("../side/one.js", "");
    symlink(sandbox.side(""), sandbox.path("src/lib")).expect("a writable sandbox");
    sandbox
}

pub(super) fn no(play: &mut Play) {
    play.shows_the_rest();
    play.ends(1);
}

fn yes(play: &mut Play) {
    play.shows_the_rest();
    play.ends(0);
}

pub(super) const STARTS_AND_STOPS: &[Case] = &[
    case(
        "The port is in use $ rwatch -- node server.js",
        || {
            static OTHER: OnceLock<TcpListener> = OnceLock::new();
            let host = apps::host();
            let other = TcpListener::bind((&*host, 3000)).expect("an address of our own");
            OTHER.set(other).expect("this is one case");
            server().env("HOST", &host)
        },
        Play::shows_the_rest,
    ),
    case(
        "It does not stop, still waiting for … $ rwatch -- sh -c 'trap \"\" TERM; exec sleep 60'",
        || Sandbox::new().file("server.js", ""),
        |play| {
            play.shows(2);
            // Then it has set its trap.
            eventually("it sleeps", || play.process("sleep 60").is_some());
            play.save("server.js", "// edited");
            play.shows_the_rest();
        },
    ),
    case(
        "rwatch -s INT --stop-timeout 1s -- ./server",
        interruptible,
        is_interrupted,
    ),
    case(
        "Exit code 126 or 127 $ rwatch -m 0 -- ./server.sh; echo $?",
        || Sandbox::new().file("server.sh", ""),
        |play| {
            play.shows_the_rest();
            play.ends(0);
        },
    ),
    case(
        "Exit code 126 or 127 $ rwatch -m 0 -- serve; echo $?",
        Sandbox::new,
        |play| {
            play.shows_the_rest();
            play.ends(0);
        },
    ),
];

pub(super) const SILENCE: &[Case] = &[
    perhaps(
        "No kernel watches left $ rwatch -- node server.js",
        || {
            let mut sandbox = server();
            for n in 0..30 {
                sandbox = sandbox.file(&format!("data/{n}/text/a.txt"), "");
            }
            with_at_most(12, "watches", sandbox)
        },
        Play::shows_the_rest,
    ),
    case(
        "Nothing happens in Docker, WSL or on NFS $ rwatch --poll=500ms -- node server.js",
        server,
        |play| {
            play.shows(4);
            play.save("app.js", "");
            play.shows_the_rest();
        },
    ),
];

pub(super) const TERMINALS: &[Case] = &[case(
    "Colours, prompts, a REPL $ rwatch -q -m 0 -- sh -c 'test -t 1 && echo a terminal'",
    || {
        let spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))";
        let line_ends = "stty -onlcr; exec \"$@\"";
        Sandbox::new().wrapper(&["python3", "-c", spawn, "sh", "-c", line_ends, "sh"])
    },
    yes,
)];
