//! Runs the real binary on real files with real children, and looks at it from outside.
//!
//! `sandbox` is what all of it stands on; every other module is one subject of the README. No
//! test waits for a time to pass: each waits for a line, an end or a state, and the one patience
//! that bounds those waits is reached by failures only. Linux, because it reads `/proc`.

#![cfg(target_os = "linux")]

mod apps;
mod before;
mod bursts;
mod cli;
mod corpus;
mod costs;
mod counts;
mod desktop;
mod documents;
mod env_file;
mod events;
mod excludes;
mod exits;
mod faults;
mod ignore_rules;
mod ignores;
mod large;
mod leftovers;
mod limits;
mod links;
mod loops;
mod lost_roots;
mod mistakes;
mod modes;
mod mounts;
mod namespaces;
mod nodemon;
mod patterns;
mod polling;
mod project;
mod readme;
mod renamed;
mod rest;
mod rooms;
mod roots;
mod runs;
mod sandbox;
mod saves;
mod slices;
mod specials;
mod stopping;
mod terminal;
mod text;
mod trial;
