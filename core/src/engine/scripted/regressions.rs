//! Scripts that failed once, as the properties printed them, without the fields that did not matter.

use super::replay;
use super::script::{Answer::*, EVER, Reap::*, Request, Script, Submit::*};
use crate::engine::alignment::Alignment;
use crate::iocb::Operation::*;

/// Three pages to a file that says what it wants, on a kernel that does what it should.
pub(super) fn plain() -> Script {
    Script {
        operation: Write,
        file_offset: 0,
        address: 1048576,
        num_bytes: 12288,
        block_size: 4096,
        single_submit: false,
        overlap: true,
        timed: false,
        flags: Ok(libc::O_RDWR | libc::O_DIRECT),
        wants: Alignment { file: 512, memory: 512 },
        told: Some(Alignment { file: 512, memory: 512 }),
        page: 4096,
        ends: None,
        capacity: 4,
        check_memory: 0,
        reserve_bounce: 0,
        submits: vec![],
        requests: vec![],
        reaps: vec![],
        moves: vec![],
        opens: vec![],
        flushes: vec![],
    }
}

fn first_request(answer: super::script::Answer) -> Vec<(Request, u32)> {
    vec![(Request { rank: 0, early: false, answer }, 1)]
}

#[test]
fn nothing_goes_wrong() {
    assert!(replay(&plain()).contains("Ok"));
    assert!(replay(&Script { operation: Read, ..plain() }).contains("Ok"));
}

#[test]
fn a_result_that_cannot_be_negated() {
    replay(&Script { operation: Read, requests: first_request(Raw(i64::MIN)), ..plain() });
}

/// The first byte of the head moves, then the page cache says EINVAL once.
#[test]
fn a_head_that_is_moved_in_two_ways_is_flushed_twice() {
    let seen = replay(&Script {
        file_offset: 1,
        capacity: 0,
        moves: vec![(AtMost(1), 1), (Errno(libc::EINVAL), 1)],
        ..plain()
    });
    assert!(seen.contains("Ok"));
}

#[test]
fn a_queue_that_accepts_nothing_is_waited_for_once() {
    for submit in [Refuse(libc::EAGAIN), Accept(0)] {
        let blocks = Script { block_size: 512, capacity: 1, ..plain() };
        let seen = replay(&Script { submits: vec![(submit, EVER)], ..blocks });
        assert!(seen.contains("Ok"));
    }
}

/// What the aligned buffer held before must not reach the memory.
#[test]
fn a_read_that_claims_too_much_into_an_aligned_buffer() {
    let requests = first_request(Raw(i64::MAX));
    replay(&Script { operation: Read, address: 1048577, requests, ..plain() });
}

/// The queue breaks; of its requests one was carried out, one in part, one not at all.
#[test]
fn a_queue_that_breaks_with_requests_in_flight() {
    let requests = [Whole, AtMost(100), AtMost(0)].map(first_request).concat();
    for operation in [Read, Write] {
        let reaps = vec![(Fail(libc::EINVAL), 1)];
        let seen = replay(&Script { operation, requests: requests.clone(), reaps, ..plain() });
        assert!(seen.contains("Ok"));
    }
}

/// Its blocks go to no pread or pwrite, which would fail here.
#[test]
fn a_queue_that_accepts_nothing_for_a_moment_is_waited_for() {
    let submits = vec![(Refuse(libc::EAGAIN), 5)];
    let moves = vec![(Errno(libc::EIO), EVER)];
    assert!(replay(&Script { submits, moves, ..plain() }).contains("Ok"));
}

/// Both guesses are tried before the page cache, which cannot be used here.
#[test]
fn an_alignment_that_the_kernel_does_not_tell_is_guessed() {
    for alignment in [512, 4096].map(Alignment::both) {
        let opens = vec![(libc::EACCES, EVER)];
        let script = Script { wants: alignment, told: None, block_size: 1000, opens, ..plain() };
        assert!(replay(&script).contains("Ok"));
    }
}
