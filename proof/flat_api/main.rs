//! The flat C API from random bytes: they become a sequence of calls, each checked in full: the
//! answer against a model, and every byte of every buffer, those around it included, against what it
//! must be now.

mod api;
mod buffers;
mod calls;
mod memory;
mod model;
mod numbers;
mod preparation;
mod sizes;
mod state;

use arbitrary::Unstructured;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// How often each function gave each answer. A count of requests counts as 1.
type Answers = BTreeMap<(&'static str, i32), u64>;

/// What every function can answer; a run that has not seen them all has tested too little.
const EXPECTED: &[(&str, &[i32])] = &[
    ("dsaio_prep_batch", &[0, 1, -libc::EFAULT, -libc::EBADF, -libc::EINVAL, -libc::EOVERFLOW]),
    ("dsaio_generator_init", &[0, -libc::EFAULT, -libc::EBADF, -libc::EINVAL, -libc::EOVERFLOW]),
    ("dsaio_generator_prep", &[0, 1, -libc::EFAULT, -libc::EBADF, -libc::EINVAL, -libc::EOVERFLOW]),
    ("dsaio_file_size", &[0, -libc::EFAULT, -libc::ENOENT, -libc::ENOTDIR, -libc::ENAMETOOLONG]),
    ("dsaio_fd_file_size", &[0, -libc::EFAULT, -libc::EBADF]),
    ("dsaio_alloc", &[0, -libc::EFAULT, -libc::EINVAL, -libc::ENOMEM]),
    ("dsaio_free", &[0, -libc::EINVAL]),
];

/// Prints on one line, where a test fails.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[test]
fn any_bytes_as_calls_are_answered_as_the_header_says() {
    let answers = RefCell::new(Answers::new());
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let bytes = prop::collection::vec(any::<u8>(), 0..700).prop_map(Bytes);
    TestRunner::new(config)
        .run(&bytes, |bytes| {
            run_sequence(&bytes.0, &mut answers.borrow_mut());
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let answers = answers.into_inner();
    for (function, expected) in EXPECTED {
        for answer in *expected {
            assert!(
                answers.contains_key(&(function, *answer)),
                "{function} never answered {answer}; it did: {answers:?}"
            );
        }
    }
}

/// Makes the calls that `bytes` describe. Panics where one is not as it must be.
fn run_sequence(bytes: &[u8], answers: &mut Answers) {
    let mut input = Unstructured::new(bytes);
    let Ok(mut state) = state::State::new(&mut input) else {
        return;
    };
    while !input.is_empty() {
        let Ok((function, answer)) = calls::next(&mut state, &mut input) else {
            break;
        };
        state.check(function);
        *answers.entry((function, answer.min(1))).or_default() += 1;
    }
    state.release_all();
}
