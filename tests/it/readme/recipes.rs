//! The recipes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use nix::sys::signal::{Signal, kill};

use super::front::{builds_anew, crate_named};
use super::{Case, Play, SERVER, block, case, has, kernel, perhaps, program, server};
use crate::apps;
use crate::sandbox::Sandbox;

pub(super) const NODE: &[Case] = &[
    case("rwatch -e js,json -- node server.js", server, |play| {
        play.passes_over("new.css");
        play.serves_anew("new.json");
    }),
    perhaps(
        "rwatch -e js,json -- node --inspect server.js",
        || {
            let sandbox = server();
            // The port is one for the whole machine, which others may want.
            let mut test = Command::new(OWN_NETWORK[0]);
            let status = test.args(&OWN_NETWORK[1..]).arg("true").status();
            if !status.is_ok_and(|status| status.success()) {
                eprintln!("skipped: no network namespaces here");
                return None;
            }
            Some(sandbox.env("HOST", "127.0.0.1").wrapper(&OWN_NETWORK))
        },
        |play| {
            for path in ["a.js", "b.js"] {
                play.prints("listening on port 3000");
                play.restarts(path);
            }
            play.prints("listening on port 3000");
            let told = play.stderr();
            assert!(
                told.matches("Debugger listening on ").count() >= 2,
                "{told}"
            );
            assert!(!told.contains("address already in use"), "{told}");
        },
    ),
    case(
        "rwatch -e ts -- node_modules/.bin/tsx src/server.ts",
        || {
            // It takes a file and runs it. No types have to be taken out of this one.
            let tsx = "#!/bin/sh\nexec node \"$@\"";
            let sandbox = server().file("src/server.ts", SERVER);
            program(sandbox, "node_modules/.bin/tsx", tsx)
        },
        |play| {
            play.passes_over("node_modules/x/new.ts");
            play.serves_anew("src/new.ts");
        },
    ),
    case(
        "rwatch -e ts -b node_modules/.bin/tsc -- node dist/server.js",
        || {
            // It writes dist/, or fails for a file that is wrong.
            let tsc = "#!/bin/sh\n! grep -l 'no TypeScript' *.ts && mkdir -p dist && cp server.ts dist/server.js";
            let sandbox = server().file("server.ts", SERVER);
            program(sandbox, "node_modules/.bin/tsc", tsc)
        },
        |play| {
            play.prints("listening on port *");
            play.save("new.ts", "no TypeScript");
            play.says("`node_modules/.bin/tsc` exited with code 1 after *, the old run stays");
            play.save("new.ts", "");
            play.says("built after *, restarting");
            play.prints("listening on port *");
        },
    ),
    case(
        "json: rwatch -w src -e js,json -- node src/server.js",
        || {
            let sandbox = server().file("src/server.js", SERVER);
            sandbox.file("package.json", &block("json", "scripts").text())
        },
        |play| {
            play.passes_over("new.js");
            play.serves_anew("src/new.json");
        },
    ),
];

/// Runs the rest of the words where nobody else is on the network.
const OWN_NETWORK: [&str; 5] = [
    "unshare",
    "-Urn",
    "python3",
    "-c",
    "import fcntl, os, socket, struct, sys
up = struct.pack('16sh14x', b'lo', 1)
fcntl.ioctl(socket.socket(), 0x8914, up)
os.execvp(sys.argv[1], sys.argv[1:])",
];

pub(super) const PYTHON: &[Case] = &[
    case("rwatch -e py -- python3 app.py", python_app, |play| {
        play.passes_over("new.txt");
        play.prints_anew("listening *", "new.py");
    }),
    case(
        "rwatch -e py -- .venv/bin/python app.py",
        || {
            let sandbox = python_app();
            sandbox.tool("python3", &["-m", "venv", "--without-pip", ".venv"]);
            sandbox
        },
        |play| {
            play.passes_over(".venv/lib/new.py");
            play.prints_anew("listening *", "new.py");
        },
    ),
    case(
        "rwatch -e py,html -- .venv/bin/flask --app app run",
        || framework("flask", "--app app run"),
        |play| play.prints_anew("listening *", "templates/new.html"),
    ),
    case(
        "rwatch -e py,toml -- .venv/bin/uvicorn app:app --workers 4",
        || framework("uvicorn", "app:app --workers 4"),
        |play| play.prints_anew("listening *", "pyproject.toml"),
    ),
];

fn python_app() -> Sandbox {
    let sandbox = Sandbox::new().fixture("python-app");
    sandbox.env("HOST", &apps::host())
}

/// With a program in the place of the framework's, which takes these words and serves the app.
fn framework(name: &str, words: &str) -> Sandbox {
    let script = format!("#!/bin/sh\n[ \"$*\" = '{words}' ] && exec python3 app.py");
    let sandbox = python_app().dir("templates");
    program(sandbox, &format!(".venv/bin/{name}"), &script)
}

pub(super) const GO: &[Case] = &[
    perhaps("rwatch -e go,mod -- go run .", go_program, |play| {
        play.prints("up");
        play.save("main.go", &go("up again"));
        play.says("main.go changed, restarting");
        play.prints("up again");
    }),
    perhaps(
        "rwatch -e go,mod -b 'go build -o bin/server .' -- bin/server",
        go_program,
        |play| {
            play.prints("up");
            play.save("main.go", "no Go");
            play.says("`go build -o bin/server .` exited with code 1 after *, the old run stays");
            play.save("main.go", &go("up again"));
            play.says("built after *, restarting");
            play.prints("up again");
        },
    ),
];

fn go_program() -> Option<Sandbox> {
    let sandbox = Sandbox::new()
        .file("go.mod", "module server\n")
        .file("main.go", &go("up"))
        // Kept, because the standard library may be in it.
        .env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go"))
        .env("GOFLAGS", "-mod=mod")
        .env("GOTOOLCHAIN", "local");
    has("go").then_some(sandbox)
}

/// A program that prints this, and stays up.
fn go(text: &str) -> String {
    format!(
        "package main\nimport (\"os\"; \"time\")\n\
         func main() {{ os.Stdout.WriteString(\"{text}\\n\"); time.Sleep(time.Hour) }}\n"
    )
}

pub(super) const RUST: &[Case] = &[
    case(
        "rwatch -e rs,toml --before 'cargo build' -- target/debug/server",
        || crate_named("server"),
        builds_anew,
    ),
    case(
        "rwatch -e rs,toml -c -- cargo test",
        || {
            let test = "#[test]\nfn fails() { panic!() }";
            crate_named("app").file("src/lib.rs", test)
        },
        |play| {
            play.prints("test fails ... FAILED");
            play.says("exited with code 101 after *, waiting for changes");
            play.save("src/lib.rs", "#[test]\nfn succeeds() {}");
            play.says("src/lib.rs changed, restarting");
            play.prints("test succeeds ... ok");
            play.says("exited cleanly, waiting for changes");
        },
    ),
];

pub(super) const RUBY: &[Case] = &[
    perhaps(
        "rwatch -e rb -- ruby server.rb",
        || has("ruby").then(|| Sandbox::new().file("server.rb", RUBY_SERVER)),
        |play| {
            play.passes_over("new.txt");
            play.prints_anew("up", "lib/new.rb");
        },
    ),
    perhaps(
        "rwatch -w config -w lib -- bin/rails server",
        || {
            // It takes the place of the one that Rails makes.
            let rails = format!("#!/usr/bin/env ruby\nexit 1 if ARGV != ['server']\n{RUBY_SERVER}");
            let sandbox = Sandbox::new().dir("app").dir("config").dir("lib");
            has("ruby").then(|| program(sandbox, "bin/rails", &rails))
        },
        |play| {
            play.passes_over("app/new.rb");
            play.prints_anew("up", "config/routes.rb");
        },
    ),
];

const RUBY_SERVER: &str = "
require 'socket'
server = TCPServer.new('127.0.0.1', 0)
$stdout.sync = true
puts 'up'
server.accept
";

pub(super) const CONTAINERS: &[Case] = &[
    perhaps(
        "dockerfile: rwatch -m 5 -- node server.js",
        container,
        |play| {
            play.prints("listening on port 3000");
            let server = play.process("node server.js").expect("it listens");
            kill(server, Signal::SIGKILL).expect("it is alive");
            play.says("killed by SIGKILL after *, restarting in 100ms (1 of 5)");
            play.prints("listening on port 3000");
            is_stopped_by_docker(play);
        },
    ),
    perhaps("yaml: rwatch --poll -- node server.js", container, |play| {
        play.says("polling every 1s");
        play.serves_anew("new.js");
        is_stopped_by_docker(play);
    }),
];

/// With rwatch as PID 1.
fn container() -> Option<Sandbox> {
    let sandbox = kernel::contained(&[])?;
    let sandbox = sandbox.file("server.js", SERVER);
    Some(sandbox.env("HOST", &apps::host()))
}

fn is_stopped_by_docker(play: &mut Play) {
    kill(kernel::pid_1(play), Signal::SIGTERM).expect("it is alive");
    play.ends(143);
}

pub(super) const SYSTEMD: &[Case] = &[case(
    "ini: %h/.cargo/bin/rwatch -m 5 -w . -- ./server",
    || {
        let server = "#!/bin/sh\necho up\nexec sleep 150";
        let sandbox = program(Sandbox::new(), "server", server);
        let home = sandbox.side("home");
        fs::create_dir_all(format!("{home}/.cargo/bin")).expect("a writable sandbox");
        let rwatch = env!("CARGO_BIN_EXE_rwatch");
        symlink(rwatch, format!("{home}/.cargo/bin/rwatch")).expect("a writable sandbox");
        symlink(sandbox.path(""), format!("{home}/server")).expect("a writable sandbox");
        is_a_sound_unit(&home, &block("ini", "ExecStart").text());
        sandbox
    },
    |play| play.prints_anew("up", "new.js"),
)];

/// Has systemd look at a unit of the user whose home this is.
fn is_a_sound_unit(home: &str, text: &str) {
    if !has("systemd-analyze") {
        return;
    }
    let unit = format!("{home}/server.service");
    fs::write(&unit, text).expect("a writable sandbox");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--user", "verify", &unit]);
    let verify = verify.env("HOME", home).env("XDG_RUNTIME_DIR", home);
    let output = verify.output().expect("it is there");
    // What it does not understand is an error in what it says alone.
    let told = String::from_utf8_lossy(&output.stderr);
    let is_sound = output.status.success() && !told.contains("server.service");
    assert!(is_sound, "{output:?}");
}

pub(super) const WORKTREES: &[Case] = &[case(
    "git worktree add -q ../fix\ncd ../fix\nrwatch -E PORT=3001 -- node server.js",
    || {
        let sandbox = server();
        sandbox.tool("git", &["init", "-q"]);
        sandbox.tool("git", &["add", "."]);
        let identity = ["-c", "user.name=it", "-c", "user.email=it@localhost"];
        let commit = ["commit", "-q", "-m", "begin"];
        sandbox.tool("git", &[&identity[..], &commit].concat());
        sandbox
    },
    |play| {
        play.prints("listening on port 3001");
        // Of the other work tree, and of both.
        play.passes_over("new.js");
        play.tool("git", &["branch", "other"]);
        play.save("../fix/new.ts", "");
        play.says("new.ts changed, restarting");
        play.prints("listening on port 3001");
    },
)];

pub(super) const MONOREPOS: &[Case] = &[
    case(
        "rwatch -w packages/api -w packages/shared -- node packages/api/server.js",
        packages,
        |play| {
            play.passes_over("packages/web/new.js");
            play.serves_anew("packages/shared/new.js");
        },
    ),
    case(
        "rwatch -w packages/api -w packages/shared -C packages/api -- node server.js",
        packages,
        |play| {
            play.passes_over("packages/web/new.js");
            play.serves_anew("packages/shared/new.js");
        },
    ),
    case(
        "rwatch -e js,json -i '/packages/web/' -- node packages/api/server.js",
        packages,
        |play| {
            play.passes_over("packages/web/new.js");
            play.serves_anew("packages/shared/new.js");
        },
    ),
];

fn packages() -> Sandbox {
    let sandbox = server().file("packages/api/server.js", SERVER);
    sandbox.dir("packages/shared").dir("packages/web")
}
