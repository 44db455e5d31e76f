//! The pure half of the engine on a scripted kernel, which cuts, delays, reorders and refuses as no
//! real one does on demand.
//!
//! Whatever the script: the loop ends, every byte has moved or a failure that the kernel really
//! answered is named with the byte that it belongs to, nothing outside the transfer is touched, and
//! nothing is in flight.
//!
//! PROPTEST_CASES is the number of scripts, for each direction. What fails is shrunk, and printed so
//! that it can be pasted into `regressions.rs`.

mod causes;
mod detours;
mod kernel;
mod limits;
mod model;
mod random;
mod regressions;
mod script;

use super::middle::Slots;
use super::transfer_loop;
use crate::iocb::Operation;
use kernel::Scripted;
use proptest::test_runner::{Config, TestError, TestRunner};
use script::Script;
use std::cell::RefCell;
use std::collections::BTreeSet;

type Seen = BTreeSet<&'static str>;

/// What happens if there are enough scripts, beside what only a write can meet.
const EXPECTED: &[&str] = &[
    "Ok",
    "EAGAIN",
    "EINVAL",
    "another errno",
    "NoProgress",
    "SecondDescriptor",
    "abandoned",
    "bounced",
    "page cache",
];

/// Runs a transfer by a script. Panics where it does not end as it must.
fn replay(script: &Script) -> Seen {
    let mut kernel = Scripted::new(script);
    let job = kernel.job();
    let outcome = transfer_loop::run(&mut kernel, &mut Slots::default(), &job);
    kernel.check(outcome);
    kernel.seen
}

fn any_script_ends_well(operation: Operation, expected: &[&str]) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        None if cfg!(miri) => 20,
        None => 12_000,
        Some(_) => config.cases,
    };
    let seen = RefCell::new(Seen::new());
    let outcome =
        TestRunner::new(Config { cases, ..config }).run(&random::scripts(operation), |script| {
            seen.borrow_mut().extend(replay(&script));
            Ok(())
        });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, script)) => panic!("{reason}\n\n{script:?}\n"),
        Err(error) => panic!("{error}"),
    }
    let seen = seen.into_inner();
    let missing: Vec<_> = expected.iter().filter(|&what| !seen.contains(what)).collect();
    assert!(cases < 10_000 || missing.is_empty(), "no script met {missing:?}");
}

#[test]
fn any_script_that_reads_ends_well() {
    any_script_ends_well(Operation::Read, EXPECTED);
}

#[test]
fn any_script_that_writes_ends_well() {
    any_script_ends_well(Operation::Write, &[EXPECTED, &["Append", "flushed"]].concat());
}
