//! The body of the fuzzer, driven by random bytes: so it is built and run by every `cargo test`,
//! with nothing but a stable toolchain. `make fuzz-flat` drives it by coverage.

mod sequence;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sequence::Answers;
use std::cell::RefCell;

/// What every function can answer; a run that has not seen them all has not tried much.
const EXPECTED: &[(&str, &[i32])] = &[
    ("dsaio_prep_batch", &[0, 1, -libc::EFAULT, -libc::EBADF, -libc::EINVAL, -libc::EOVERFLOW]),
    ("dsaio_generator_init", &[0, -libc::EFAULT, -libc::EBADF, -libc::EINVAL, -libc::EOVERFLOW]),
    ("dsaio_generator_prep", &[0, 1, -libc::EFAULT, -libc::EBADF, -libc::EINVAL, -libc::EOVERFLOW]),
    ("dsaio_file_size", &[0, -libc::EFAULT, -libc::ENOENT, -libc::ENOTDIR, -libc::ENAMETOOLONG]),
    ("dsaio_fd_file_size", &[0, -libc::EFAULT, -libc::EBADF]),
    ("dsaio_alloc", &[0, -libc::EFAULT, -libc::EINVAL, -libc::ENOMEM]),
    ("dsaio_free", &[0, -libc::EINVAL]),
];

#[test]
fn any_bytes_as_calls_are_answered_as_the_header_says() {
    let answers = RefCell::new(Answers::new());
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let bytes = prop::collection::vec(any::<u8>(), 0..700);
    TestRunner::new(config)
        .run(&bytes, |bytes| {
            sequence::run(&bytes, &mut answers.borrow_mut());
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
