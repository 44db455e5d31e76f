//! Where the two libraries must agree and where they deliberately differ: the contract, written from
//! its description and not from either implementation.

use crate::case::{Iocbs, Transfer};

/// What a call must do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Both do the same.
    Same,
    /// The byte count overflowed on its way here: ours keeps inside the transfer.
    D1,
    /// An assertion of the original's, or a crash: both end the process.
    BothAbort,
    /// Undefined, or endless, in the original: ours ends the process.
    OursAborts,
}

/// The verdict on `io_prep_context::prep_iocbs`.
pub fn batch(
    has_transfer: bool,
    block_size: u64,
    n_iocbs: i32,
    num_bytes: u64,
    iocbs: Iocbs,
) -> Verdict {
    let Some(n) = wanted(n_iocbs, iocbs) else {
        return Verdict::BothAbort;
    };
    if n == 0 {
        return Verdict::Same;
    }
    if !has_transfer {
        return Verdict::BothAbort;
    }
    if block_size == 0 {
        return Verdict::OursAborts;
    }
    if iocbs.null_before(n) {
        return Verdict::BothAbort;
    }
    let needed = (n as u128 - 1) * u128::from(block_size) + 1;
    if num_bytes > i64::MAX as u64 || needed > u128::from(num_bytes) {
        return Verdict::D1;
    }
    Verdict::Same
}

/// Length of a batch's block under D1: the block, as far as the transfer reaches.
pub fn d1_length(transfer: &Transfer, block_size: u64, start_offset: i64, index: usize) -> u64 {
    let left = i128::from(transfer.num_bytes) - i128::from(start_offset);
    let left = left.min(i128::from(i64::MAX)) - index as i128 * i128::from(block_size);
    left.clamp(0, i128::from(block_size)) as u64
}

/// The verdict on constructing an `io_prep_generator`.
pub fn new_generator(has_transfer: bool, num_bytes: i64, block_size: u64) -> Verdict {
    if !has_transfer {
        return Verdict::BothAbort;
    }
    let two_to_63 = 9_223_372_036_854_775_808.0;
    if block_size == 0 || (num_bytes as f64 / block_size as f64).ceil() >= two_to_63 {
        return Verdict::OursAborts;
    }
    Verdict::Same
}

/// The verdict on `io_prep_generator::prep_iocbs`, given the object's counters.
pub fn generator(
    remaining_bytes: i64,
    remaining_blocks: i64,
    n_iocbs: i32,
    iocbs: Iocbs,
) -> Verdict {
    if remaining_bytes == 0 || remaining_blocks == 0 {
        let agree = remaining_bytes == remaining_blocks;
        return if agree { Verdict::Same } else { Verdict::BothAbort };
    }
    let Some(n) = wanted(n_iocbs, iocbs) else {
        return Verdict::BothAbort;
    };
    let granted = i64::try_from(n).unwrap_or(i64::MAX).min(remaining_blocks).max(0);
    if iocbs.null_before(granted as usize) { Verdict::BothAbort } else { Verdict::Same }
}

/// The number of iocbs wanted, where the vector has as many.
fn wanted(n_iocbs: i32, iocbs: Iocbs) -> Option<usize> {
    let n = usize::try_from(n_iocbs).ok()?;
    (iocbs != Iocbs::Null && n <= iocbs.len()).then_some(n)
}
