//! Measures rwatch beside a floor and its peers, all in one run.
//!
//! `cargo bench` takes some twenty minutes, on a machine that has nothing else to do.
//! `cargo bench -- --rounds 1 save rest` is a short form: the scenarios are named in
//! [`scenarios::ALL`]. Of the peers those are measured that are found on `PATH`, or named by a
//! variable (`BENCH_NODEMON=/opt/nodemon`). Every round runs every tool once, so that what else the
//! machine does hits all of them.
//!
//! The tables go to standard output; a whole run writes them, and a plot of each, into tests/bench.

mod busy;
mod plot;
mod processes;
mod programs;
mod report;
mod scenarios;
mod session;
mod tools;
mod trees;

use std::path::Path;

use crate::programs::Programs;
use crate::report::Report;
use crate::scenarios::{ALL, Bench};
use crate::tools::Tool;

fn main() {
    let (rounds, wanted) = arguments();
    let programs = Programs::compile();
    let tools = Tool::all(&programs);
    let bench = Bench {
        tools,
        programs,
        rounds,
    };
    println!("{}", report::machine(&bench.tools));
    let mut reports: Vec<Report> = Vec::new();
    for (name, scenario) in ALL {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("measuring: {name}");
            for report in scenario(&bench) {
                println!("{}", report.table());
                reports.push(report);
            }
        }
    }
    if wanted.is_empty() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench");
        report::write(&dir, &bench.tools, &reports);
    }
}

/// How many rounds, if not as many as each scenario takes by itself, and which scenarios.
fn arguments() -> (Option<usize>, Vec<String>) {
    let mut words = std::env::args().skip(1);
    let (mut rounds, mut wanted) = (None, Vec::new());
    while let Some(word) = words.next() {
        match &*word {
            // What cargo adds.
            "--bench" => {}
            "--rounds" => {
                let number = words.next().and_then(|number| number.parse().ok());
                rounds = Some(number.expect("--rounds takes a number"));
            }
            name if ALL.iter().any(|(known, _)| *known == name) => wanted.push(word),
            _ => panic!("no such scenario: {word}"),
        }
    }
    (rounds, wanted)
}
