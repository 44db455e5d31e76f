//! Random scripts.

use super::script::{Answer, EVER, LONGEST, Reap, Request, Script, Steps, Submit};
use crate::engine::alignment::Alignment;
use crate::engine::transfer_loop::ATTEMPTS;
use crate::iocb::Operation;
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt;

const UNITS: &[u64] = &[1, 512, 512, 4096, 4096, 16384];
const ODD: &[u64] = &[0, 0, 0, 0, 1, 100, 513];

/// A number of bytes that is often a multiple of a sector or of a page.
fn bytes(most: u64) -> impl Strategy<Value = u64> {
    (select(UNITS), 0_u64..12, select(ODD))
        .prop_map(move |(unit, count, odd)| (unit * count.min(most / unit) + odd).min(most))
}

fn block_sizes() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (select(UNITS), 1_u64..4).prop_map(|(unit, count)| unit * count),
        2 => 1_u64..6000,
        1 => select(&[u64::MAX, 1 << 63, 1 << 20][..]),
    ]
}

fn alignments() -> impl Strategy<Value = (Alignment, Option<Alignment>)> {
    let units = || select(&[1_u64, 512, 512, 4096, 16384][..]);
    let alignment = || (units(), units()).prop_map(|(file, memory)| Alignment { file, memory });
    (alignment(), 0_u8..10, alignment()).prop_map(|(wants, told, other)| match told {
        0..5 => (wants, Some(wants)),
        5..8 => (wants, None),
        8 => (wants, Some(other)),
        _ => (wants, Some(Alignment { file: 0, memory: 1 })),
    })
}

fn flags(operation: Operation) -> impl Strategy<Value = Result<i32, i32>> {
    let access = match operation {
        Operation::Read => libc::O_RDONLY,
        Operation::Write => libc::O_WRONLY,
    };
    prop_oneof![
        40 => Just(Ok(libc::O_RDWR | libc::O_DIRECT)),
        10 => Just(Ok(access | libc::O_DIRECT)),
        20 => Just(Ok(access)),
        1 => Just(Ok(libc::O_RDWR | libc::O_DIRECT | libc::O_APPEND)),
        1 => select(&[libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR | libc::O_PATH][..]).prop_map(Ok),
        1 => Just(Err(libc::EBADF)),
    ]
}

/// An errno, and how often in a row. A call that is repeated until no signal interrupts it must be
/// interrupted for some time only.
fn refusals(errnos: &'static [i32]) -> impl Strategy<Value = (i32, u32)> {
    (select(errnos), times()).prop_map(|(errno, times)| match errno {
        libc::EINTR => (errno, times.min(3)),
        _ => (errno, times),
    })
}

fn times() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 1_u32..4, 1 => select(&[ATTEMPTS, ATTEMPTS + 1, 3 * ATTEMPTS, EVER][..])]
}

fn once<T: fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = (T, u32)> {
    strategy.prop_map(|step| (step, 1))
}

/// Errors that a transfer survives, and errors that it does not.
const ERRNOS: &[i32] = &[
    libc::EINTR,
    libc::EINTR,
    libc::EAGAIN,
    libc::EAGAIN,
    libc::EINVAL,
    libc::ENOSPC,
    libc::EIO,
    libc::EFAULT,
    4095,
];

fn short() -> impl Strategy<Value = Answer> {
    prop_oneof![
        8 => select(&[1_u64, 100, 511, 512, 513, 1024, 4096, 8192][..]),
        4 => 1_u64..6000,
        1 => Just(0),
    ]
    .prop_map(Answer::AtMost)
}

fn requests() -> impl Strategy<Value = Request> {
    const RAW: &[i64] = &[i64::MIN, -(1 << 40), i32::MIN as i64, -5000, i64::MAX];
    let answer = prop_oneof![
        12 => Just(Answer::Whole),
        6 => short(),
        2 => select(ERRNOS).prop_map(Answer::Errno),
        1 => prop_oneof![select(RAW).prop_map(Answer::Raw), (1_u64..5000).prop_map(Answer::Over)],
    ];
    (0_u8..8, any::<bool>(), answer).prop_map(|(rank, early, answer)| Request {
        rank,
        early,
        answer,
    })
}

fn submits() -> impl Strategy<Value = (Submit, u32)> {
    const REFUSED: &[i32] = &[
        libc::EAGAIN,
        libc::EAGAIN,
        libc::EINTR,
        libc::EBADF,
        libc::EFAULT,
        libc::EINVAL,
        libc::ENOSYS,
    ];
    prop_oneof![
        3 => once((0_usize..6).prop_map(Submit::Accept)),
        3 => refusals(REFUSED).prop_map(|(errno, times)| (Submit::Refuse(errno), times)),
        1 => times().prop_map(|times| (Submit::Accept(0), times)),
    ]
}

fn reaps() -> impl Strategy<Value = Reap> {
    prop_oneof![
        12 => (0_usize..6).prop_map(Reap::Events),
        4 => (select(&[0, 1, 2, 3, 100, usize::MAX][..]), select(&[0, 1, -5, 512, 4096, i64::MIN][..]))
            .prop_map(|(slot, result)| Reap::Stray(slot, result)),
        3 => Just(Reap::Fail(libc::EINTR)),
        1 => select(&[libc::EINVAL, libc::EFAULT, libc::EAGAIN][..]).prop_map(Reap::Fail),
    ]
}

fn moves() -> impl Strategy<Value = (Answer, u32)> {
    prop_oneof![
        2 => Just((Answer::Whole, 1)),
        3 => once(short()),
        3 => refusals(ERRNOS).prop_map(|(errno, times)| (Answer::Errno(errno), times)),
        1 => once((1_u64..5000).prop_map(Answer::Over)),
    ]
}

/// Steps for a few calls; often none, so that a script is about few things at a time.
fn some<T: fmt::Debug + Clone>(
    step: impl Strategy<Value = (T, u32)>,
    most: usize,
) -> impl Strategy<Value = Steps<T>> {
    prop_oneof![Just(vec![]), prop::collection::vec(step, 1..=most)]
}

fn seldom(errno: i32) -> impl Strategy<Value = i32> {
    prop_oneof![30 => Just(0), 1 => Just(errno)]
}

/// Any transfer in one direction, on any file and any kernel.
pub(super) fn scripts(operation: Operation) -> impl Strategy<Value = Script> {
    let place = (
        prop_oneof![9 => Just(false), 1 => Just(true)],
        bytes(1 << 17),
        prop_oneof![9 => Just(false), 1 => Just(true)],
        bytes(1 << 17),
        prop_oneof![1 => 0..LONGEST, 3 => bytes(LONGEST)],
        block_sizes(),
        any::<[bool; 3]>(),
    );
    let file = (
        flags(operation),
        alignments(),
        select(&[512_u64, 4096, 4096, 16384][..]),
        prop_oneof![2 => Just(None), 1 => bytes(LONGEST).prop_map(Some)],
        prop_oneof![Just(0_usize), Just(1), 2_usize..6, Just(40)],
        seldom(libc::EFAULT),
        seldom(libc::ENOMEM),
    );
    let opens = refusals(&[0, libc::EINTR, libc::EAGAIN, libc::EACCES]);
    let flushes =
        refusals(&[0, 0, libc::EINTR, libc::EAGAIN, libc::EIO, libc::ENOSPC, libc::EINVAL]);
    let steps = (
        some(submits(), 4),
        some(once(requests()), 10),
        some(once(reaps()), 6),
        some(moves(), 5),
        some(opens, 2),
        some(flushes, 3),
    );
    (place, file, steps).prop_map(move |(place, file, steps)| {
        let (last, file_offset, top, address, num_bytes, mut block_size, modes) = place;
        let (flags, (wants, told), page, ends, capacity, check_memory, reserve_bounce) = file;
        let [single_submit, overlap, timed] = modes;
        let (submits, requests, reaps, moves, opens, flushes) = steps;
        while num_bytes / block_size > 64 {
            block_size *= 2;
        }
        // Now and then as late in the file, or in the address space, as can be.
        let file_offset = file_offset as i64;
        let file_offset =
            if last { i64::MAX - num_bytes as i64 - file_offset } else { file_offset };
        let address = if top { u64::MAX - num_bytes - address } else { (1 << 20) + address };
        Script {
            operation,
            file_offset,
            address,
            num_bytes,
            block_size,
            single_submit,
            overlap,
            timed,
            flags,
            wants,
            told,
            page,
            ends,
            capacity,
            check_memory,
            reserve_bounce,
            submits,
            requests,
            reaps,
            moves,
            opens,
            flushes,
        }
    })
}
