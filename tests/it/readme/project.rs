//! The project file, nodemon's settings, and the events.

use super::blocks::block;
use super::{Case, SERVER, case, server};
use crate::sandbox::Sandbox;

pub(super) const FILE: &[Case] = &[
    case("rwatch", server_and_worker, |play| {
        play.says("settings of rwatch.toml");
        play.says("watching app, libs: *");
        play.passes_over("app/new.log");
        play.serves_anew("app/new.js");
    }),
    case("rwatch @worker", server_and_worker, |play| {
        play.says("settings of rwatch.toml, run `worker`");
        play.prints("working on port 4000");
        play.says("exited with code 1 after *, restarting in 100ms");
    }),
    case("rwatch -d 1s @worker", server_and_worker, |play| {
        play.prints("working on port 4000");
    }),
    case("rwatch -- node other.js", server_and_worker, |play| {
        play.passes_over("new.js");
        play.serves_anew("libs/new.js");
    }),
    case(
        "Project file $ rwatch --print-config -d 1s @worker",
        server_and_worker,
        |play| {
            play.shows_the_rest();
            play.ends(0);
        },
    ),
];

pub(super) const RUNS: &[Case] = &[
    case("rwatch @api", packages, |play| {
        play.passes_over("packages/web/new.js");
        play.serves_anew("packages/shared/new.js");
    }),
    case("rwatch @web", packages, |play| {
        play.prints("listening on port 3001");
        play.passes_over("packages/api/new.js");
        play.restarts("packages/shared/new.js");
        play.prints("listening on port 3001");
    }),
];

pub(super) const NODEMON: &[Case] = &[
    case(
        "rwatch --import-nodemon > rwatch.toml\nrwatch",
        || {
            let settings =
                r#"{ "watch": ["src"], "ignore": ["*.spec.js"], "env": { "PORT": 3001 } }"#;
            let sandbox = server().file("nodemon.json", settings).dir("src");
            sandbox.file("package.json", r#"{ "main": "server" }"#)
        },
        |play| {
            play.prints("listening on port 3001");
            play.passes_over("src/new.spec.js");
            play.restarts("src/new.js");
            play.prints("listening on port 3001");
        },
    ),
    case("rwatch server.js", server, |play| {
        play.says("starting `node server.js`");
        play.serves_anew("new.js");
    }),
];

pub(super) const EVENTS: &[Case] = &[case(
    "mkfifo events\n\
     python3 -uc 'import json, sys; [print(it[\"event\"]) for it in map(json.loads, sys.stdin)]' < events &\n\
     rwatch --events events -- node server.js",
    server,
    |play| {
        play.prints("begin");
        play.restarts("new.js");
        play.prints("exit");
    },
)];

fn server_and_worker() -> Sandbox {
    let worker = "console.log(`working on port ${process.env.PORT}`); process.exitCode = 1";
    let sandbox = server().file("worker.js", worker).file("other.js", SERVER);
    let sandbox = sandbox.dir("app").dir("libs");
    sandbox.file("rwatch.toml", &block("toml", "run.worker").text())
}

fn packages() -> Sandbox {
    let sandbox = server().file("packages/api/server.js", SERVER);
    let sandbox = sandbox
        .file("packages/web/server.js", SERVER)
        .dir("packages/shared");
    sandbox.file("rwatch.toml", &block("toml", "run.api").text())
}
