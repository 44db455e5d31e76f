//! Searches for a case in which the libraries differ, and shrinks it.

use crate::case::Case;
use crate::child::{self, Stderr};
use crate::compare::{Pair, Tally};
use crate::generate;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;

/// Compares `cases` cases and adds to the tally.
///
/// # Errors
///
/// The smallest difference found, with the case as a regression test.
pub fn chunk(
    pair: &Pair,
    seed: u64,
    chunk: u64,
    cases: u32,
    tally: &mut Tally,
) -> Result<(), String> {
    // A library that crashes takes its process along; here that is a child.
    let ended = child::run(Stderr::Inherited, |pipe| {
        let local = RefCell::new(Tally::default());
        let outcome =
            search(seed, chunk, cases, |case| pair.compare(case, &mut local.borrow_mut()));
        let Tally { cases, calls, iocbs, d1, aborts } = local.into_inner();
        let text = match outcome {
            Ok(()) => format!("{cases} {calls} {iocbs} {d1} {aborts}"),
            Err(found) => format!("?{found}"),
        };
        // The parent notices where this fails.
        let _ = pipe.write_all(text.as_bytes());
    });
    if ended.signal.is_some() {
        // The same cases once more, each in a child of its own.
        search(seed, chunk, cases, |case| compare_in_child(pair, case))?;
        return Err(format!("signal {:?} ended the process, but not once more", ended.signal));
    }
    if let Some(found) = ended.output.strip_prefix('?') {
        return Err(found.to_owned());
    }
    let numbers: Vec<u64> = ended.output.split(' ').filter_map(|n| n.parse().ok()).collect();
    let [cases, calls, iocbs, d1, aborts] = numbers[..] else {
        return Err(format!("a child said {:?}", ended.output));
    };
    tally.cases += cases;
    tally.calls += calls;
    tally.iocbs += iocbs;
    tally.d1 += d1;
    tally.aborts += aborts;
    Ok(())
}

fn compare_in_child(pair: &Pair, case: &Case) -> Result<(), String> {
    let ended = child::run(Stderr::Captured, |pipe| {
        if let Err(what) = pair.compare(case, &mut Tally::default()) {
            let _ = pipe.write_all(what.as_bytes());
        }
    });
    match ended.signal {
        Some(signal) => {
            Err(format!("a library ends its process by signal {signal}: {}", ended.output))
        }
        None if ended.output.is_empty() => Ok(()),
        None => Err(ended.output),
    }
}

fn search(
    seed: u64,
    chunk: u64,
    cases: u32,
    compare: impl Fn(&Case) -> Result<(), String>,
) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&chunk.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let found = TestRunner::new_with_rng(config, random)
        .run(&generate::case(), |case| compare(&case).map_err(TestCaseError::fail));
    match found {
        Ok(()) => Ok(()),
        Err(TestError::Fail(what, case)) => Err(format!(
            "the libraries differ: {what}\n\nAs an entry for proof/differential/src/regressions.rs:\n\n{}",
            case.as_regression()
        )),
        Err(TestError::Abort(why)) => Err(format!("no cases can be made: {why}")),
    }
}
