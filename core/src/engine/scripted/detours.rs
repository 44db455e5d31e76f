//! What the kernel may answer without making the loop leave the fast way: there every byte would move
//! as well, but one block at a time.

use super::regressions::plain;
use super::replay;
use super::script::{Answer::*, Reap::*, Request, Script, Submit::*};

const DETOURS: [&str; 5] =
    ["abandoned", "without the queue", "page cache", "paused", "not aligned"];

#[track_caller]
fn takes_no_detour(script: Script) {
    let seen = replay(&script);
    assert!(seen.contains("Ok") && DETOURS.iter().all(|what| !seen.contains(what)), "{seen:?}");
}

#[test]
fn interruptions() {
    takes_no_detour(Script { submits: vec![(Refuse(libc::EINTR), 3)], ..plain() });
    takes_no_detour(Script { reaps: vec![(Fail(libc::EINTR), 3)], ..plain() });
}

#[test]
fn a_full_kernel_while_requests_are_in_flight() {
    for refusal in [Refuse(libc::EAGAIN), Accept(0)] {
        takes_no_detour(Script { submits: vec![(Accept(1), 1), (refusal, 1)], ..plain() });
    }
}

/// What is left of the last block goes through the queue, though nothing else is left.
#[test]
fn short_answers() {
    let request = Request { rank: 0, early: false, answer: AtMost(1024) };
    takes_no_detour(Script { requests: vec![(request, 20)], ..plain() });
}

/// Where the file says what it wants, nothing is tried that it refuses.
#[test]
fn unaligned_memory_and_blocks() {
    takes_no_detour(Script { address: 1048577, ..plain() });
    takes_no_detour(Script { block_size: 1000, ..plain() });
}
