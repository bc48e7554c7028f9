//! The front page.

use super::trouble::no;
use super::{Case, Play, SERVER, case, program, server, stub};
use crate::apps;
use crate::sandbox::Sandbox;

pub(super) const HEADLINES: &[Case] = &[
    case(
        "rwatch --watch app --watch libs -- node server.js",
        || server().dir("app").dir("libs"),
        |play| {
            play.passes_over("views/new.js");
            play.serves_anew("libs/new.js");
        },
    ),
    case("rwatch -m 5 -- ./server", crashing, |play| {
        play.says("*restarting in * (5 of 5)");
        play.says("*gave up after 5 restarts");
        play.ends(1);
    }),
];

pub(super) const INSTALL: &[Case] = &[
    case(
        "cargo run -- --watch fixtures/node-app/app --watch fixtures/node-app/libs \
         -- node fixtures/node-app/server.js",
        || {
            // What it would run has been built already.
            let cargo = "#!/bin/sh\n[ \"$1 $2\" = 'run --' ] && shift 2 && exec rwatch \"$@\"";
            let sandbox = stub(Sandbox::new(), "cargo", cargo);
            let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
            sandbox.tool("cp", &["-r", fixtures, "."]);
            sandbox.env("HOST", &apps::host())
        },
        |play| {
            play.prints("listening * run 1 *");
            let routes = "fixtures/node-app/app/routes.js";
            play.save(routes, "module.exports = () => 'edited'");
            play.says(&format!("{routes} changed, restarting"));
            play.prints("listening * run 2 *");
        },
    ),
    case(
        "rwatch --completions bash > ~/.local/share/bash-completion/completions/rwatch\n\
         rwatch --completions zsh > ~/.zfunc/_rwatch\n\
         rwatch --completions fish > ~/.config/fish/completions/rwatch.fish\n\
         rwatch --man > ~/.local/share/man/man1/rwatch.1",
        || {
            let sandbox = Sandbox::new();
            for path in WRITTEN {
                let dir = path.rsplit_once('/').expect("in a directory").0;
                sandbox.tool("mkdir", &["-p", dir]);
            }
            let home = sandbox.path("").to_string_lossy().into_owned();
            sandbox.env("HOME", &home)
        },
        |play| {
            play.ends(0);
            for path in WRITTEN {
                play.tool("grep", &["-q", "stop.*-timeout", path]);
            }
        },
    ),
];

const WRITTEN: [&str; 4] = [
    ".local/share/bash-completion/completions/rwatch",
    ".zfunc/_rwatch",
    ".config/fish/completions/rwatch.fish",
    ".local/share/man/man1/rwatch.1",
];

pub(super) const FIRST_STEPS: &[Case] = &[
    case(
        "First steps $ rwatch -- node server.js",
        || {
            let app = format!("require('./app/routes'); require('./libs/db'); {SERVER}");
            let sandbox = server().file("server.js", &app).file("package.json", "{}");
            sandbox.file("app/routes.js", "").file("libs/db.js", "")
        },
        |play| {
            play.shows(3);
            play.save("app/routes.js", "// edited");
            play.shows(2);
            play.at_once(|sandbox| {
                sandbox.save("app/routes.js", "// of another branch");
                for n in 0..41 {
                    sandbox.save(&format!("libs/{n}.js"), "");
                }
            });
            play.shows(2);
            let broken = "console.log('no database'); process.exit(1)";
            play.save("libs/db.js", broken);
            play.shows_the_rest();
        },
    ),
    case(
        "First steps $ rwatch --explain dist/server.js",
        || Sandbox::new().file(".gitignore", "dist/\n"),
        no,
    ),
];

pub(super) const USED_MOST: &[Case] = &[
    case("rwatch -e js,ts -- node server.js", server, |play| {
        play.passes_over("new.css");
        play.serves_anew("new.ts");
    }),
    case(
        "rwatch -i 'test/' -i '*.md' -- node server.js",
        server,
        |play| {
            play.passes_over("test/new.js");
            play.passes_over("NEW.md");
            play.serves_anew("new.js");
        },
    ),
    case(
        "rwatch -w src -w .env -- node src/server.js",
        || {
            let sandbox = server().file("src/server.js", SERVER);
            sandbox.file(".gitignore", ".env\n").file(".env", "")
        },
        |play| {
            play.passes_over("new.js");
            play.serves_anew(".env");
            play.restarts("src/new.js");
        },
    ),
    case(
        "rwatch -c -e py -- python3 -m unittest",
        || {
            let test = "import unittest\nclass A(unittest.TestCase):\n def test(self): pass\n";
            Sandbox::new().file("test_a.py", test)
        },
        |play| {
            play.says("exited cleanly, waiting for changes");
            play.restarts("test_b.py");
            play.says("exited cleanly, waiting for changes");
            assert!(play.stderr().contains("Ran 1 test"));
        },
    ),
    case(
        "rwatch -e rs,toml -b 'cargo build' -- target/debug/app",
        || crate_named("app"),
        builds_anew,
    ),
    case(
        "rwatch -x 'node migrate.js && node server.js'",
        || server().file("migrate.js", "console.log('migrated')"),
        |play| {
            play.prints("migrated");
            play.serves_anew("new.js");
        },
    ),
    case(
        "rwatch -r on-failure -- ./worker",
        || {
            let worker = "#!/bin/sh\necho run $RWATCH_RUN\n[ $RWATCH_RUN != 1 ] && exec sleep 150";
            program(Sandbox::new(), "worker", worker)
        },
        |play| {
            play.says("exited with code 1 after *, restarting in 100ms");
            play.prints("run 2");
            play.restarts("new.js");
            play.prints("run 3");
        },
    ),
    case(
        "rwatch -m 5 --watch src -- ./server",
        || crashing().dir("src"),
        |play| {
            play.says("*restarting in * (2 of 5)");
            // A change restores the budget.
            play.restarts("src/new.js");
            play.says("*restarting in * (1 of 5)");
            play.says("*gave up after 5 restarts");
        },
    ),
    case(
        "rwatch -p -- ./deploy.sh",
        || program(Sandbox::new(), "deploy.sh", "#!/bin/sh\necho deployed"),
        |play| {
            play.says("waiting for changes before the start of `./deploy.sh`");
            play.save("new.js", "");
            play.says("new.js changed, starting `./deploy.sh`");
            play.prints("deployed");
        },
    ),
    case(
        "rwatch -s INT --stop-timeout 10s -- ./server",
        interruptible,
        is_interrupted,
    ),
    case(
        "rwatch --env-file .env -E PORT=3001 -- node server.js",
        || server().file(".env", "PORT=3000\n"),
        |play| {
            play.prints("listening on port 3001");
            play.restarts(".env");
            play.prints("listening on port 3001");
        },
    ),
];

/// With a `./server` that fails.
fn crashing() -> Sandbox {
    program(Sandbox::new(), "server", "#!/bin/sh\nexit 1")
}

/// With a `./server` that knows SIGINT.
pub(super) fn interruptible() -> Sandbox {
    let server =
        "#!/bin/sh\ntrap 'echo interrupted; exit' INT\necho up\nwhile :; do sleep 0.1; done";
    program(Sandbox::new(), "server", server)
}

pub(super) fn is_interrupted(play: &mut Play) {
    play.prints("up");
    play.restarts("new.js");
    play.prints("interrupted");
    play.prints("up");
}

/// With a package whose program stays up.
pub(super) fn crate_named(name: &str) -> Sandbox {
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    Sandbox::new()
        .file("Cargo.toml", &manifest)
        .file("src/main.rs", &rust("up"))
        .env("CARGO_TARGET_DIR", "target")
        .env("CARGO_NET_OFFLINE", "true")
}

/// A program that prints this, and stays up.
fn rust(text: &str) -> String {
    format!("fn main() {{ println!(\"{text}\"); loop {{ std::thread::park() }} }}")
}

pub(super) fn builds_anew(play: &mut Play) {
    play.prints("up");
    play.save("src/main.rs", "no Rust");
    play.says("`cargo build` exited with code 101 after *, the old run stays");
    play.save("src/main.rs", &rust("up again"));
    play.says("built after *, restarting");
    play.prints("up again");
}
