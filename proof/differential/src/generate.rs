//! Random cases: mostly DeepSpeed's own kind of calls, and now and then an extreme number.

use crate::case::{Call, Case, Iocbs, Transfer};
use proptest::prelude::*;

/// Cases with up to eight calls.
pub fn case() -> impl Strategy<Value = Case> {
    let calls = proptest::collection::vec(draft_call(), 0..=8);
    let has_transfer = prop_oneof![500 => Just(true), 1 => Just(false)];
    (any::<bool>(), block_size(), has_transfer, transfer(), num_bytes(), calls).prop_map(
        |(read_op, block_size, has_transfer, mut transfer, num_bytes, calls)| {
            transfer.num_bytes = num_bytes.resolve(block_size);
            let calls = calls.into_iter().map(|call| call.resolve(block_size)).collect();
            Case { read_op, block_size, has_transfer, transfer, calls }
        },
    )
}

/// A number of bytes in terms of the block size, which is drawn beside it.
#[derive(Clone, Copy, Debug)]
enum Bytes {
    Blocks { count: i64, more: i64 },
    Plain(i64),
}

impl Bytes {
    fn resolve(self, block_size: u64) -> i64 {
        match self {
            Bytes::Blocks { count, more } => {
                (block_size as i64).wrapping_mul(count).wrapping_add(more)
            }
            Bytes::Plain(bytes) => bytes,
        }
    }
}

/// The number of bytes that a batch call is given.
#[derive(Clone, Copy, Debug)]
enum BatchBytes {
    /// What the blocks hold, or a little less or more.
    Fitting(i64),
    /// `queue_depth * block_size` in an `int`, as DeepSpeed's sequential loop has it.
    IntProduct(i32),
    Plain(i64),
}

#[derive(Clone, Copy, Debug)]
enum DraftCall {
    Batch { n_iocbs: i32, bytes: BatchBytes, start_buffer: u64, start: Bytes, vector: Vector },
    Generator { n_iocbs: i32, vector: Vector },
}

/// The vector, in terms of the number of iocbs that is asked for.
#[derive(Clone, Copy, Debug)]
enum Vector {
    Longer(usize),
    Shorter(usize),
    WithNull(usize),
    Null,
}

impl Vector {
    fn resolve(self, n_iocbs: i32) -> Iocbs {
        let n = usize::try_from(n_iocbs).unwrap_or(0).min(MAX_IOCBS as usize);
        match self {
            Vector::Longer(by) => Iocbs::Vector(n + by),
            Vector::Shorter(by) => Iocbs::Vector(n.saturating_sub(by)),
            Vector::WithNull(index) => Iocbs::WithNull(n + 1, index % (n + 1)),
            Vector::Null => Iocbs::Null,
        }
    }
}

impl DraftCall {
    fn resolve(self, block_size: u64) -> Call {
        match self {
            DraftCall::Generator { n_iocbs, vector } => {
                Call::Generator { n_iocbs, iocbs: vector.resolve(n_iocbs) }
            }
            DraftCall::Batch { n_iocbs, bytes, start_buffer, start, vector } => {
                let num_bytes = match bytes {
                    BatchBytes::Fitting(more) => {
                        (block_size as i64).wrapping_mul(i64::from(n_iocbs)).wrapping_add(more)
                    }
                    BatchBytes::IntProduct(depth) => {
                        i64::from((block_size as i32).wrapping_mul(depth))
                    }
                    BatchBytes::Plain(bytes) => bytes,
                };
                Call::Batch {
                    n_iocbs,
                    num_bytes: num_bytes as u64,
                    start_buffer,
                    start_offset: start.resolve(block_size),
                    iocbs: vector.resolve(n_iocbs),
                }
            }
        }
    }
}

const MAX_IOCBS: i32 = 62;

fn draft_call() -> impl Strategy<Value = DraftCall> {
    let batch = (n_iocbs(), batch_bytes(), any::<u64>(), num_bytes(), vector()).prop_map(
        |(n_iocbs, bytes, start_buffer, start, vector)| DraftCall::Batch {
            n_iocbs,
            bytes,
            start_buffer,
            start,
            vector,
        },
    );
    let generator = (n_iocbs(), vector())
        .prop_map(|(n_iocbs, vector)| DraftCall::Generator { n_iocbs, vector });
    prop_oneof![3 => generator, 2 => batch]
}

fn n_iocbs() -> impl Strategy<Value = i32> {
    prop_oneof![
        1500 => 0..=8,
        300 => 0..=MAX_IOCBS,
        1 => prop_oneof![Just(-1), Just(i32::MIN), Just(i32::MAX), Just(MAX_IOCBS + 1)],
    ]
}

fn vector() -> impl Strategy<Value = Vector> {
    prop_oneof![
        3000 => (0usize..=2).prop_map(Vector::Longer),
        1 => (1usize..=2).prop_map(Vector::Shorter),
        2 => (0usize..=MAX_IOCBS as usize).prop_map(Vector::WithNull),
        1 => Just(Vector::Null),
    ]
}

fn batch_bytes() -> impl Strategy<Value = BatchBytes> {
    prop_oneof![
        6 => (-3i64..=3).prop_map(BatchBytes::Fitting),
        4 => (-(1i64 << 22)..=1 << 22).prop_map(BatchBytes::Fitting),
        2 => prop_oneof![1..=512i32, Just(128), Just(256), Just(257)]
            .prop_map(BatchBytes::IntProduct),
        1 => extreme().prop_map(BatchBytes::Plain),
    ]
}

fn block_size() -> impl Strategy<Value = u64> {
    prop_oneof![
        16 => prop_oneof![Just(1u64), Just(511), Just(512), Just(4096), Just(1 << 17), Just(1 << 20)],
        4 => prop_oneof![Just(12u64 << 20), Just(16 << 20), Just(1 << 30)],
        8 => 1u64..1 << 20,
        4 => (0u32..41, 0u64..=2).prop_map(|(exponent, more)| ((1 << exponent) + more).max(2) - 1),
        1 => extreme().prop_map(|size| size as u64),
    ]
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let fd = prop_oneof![3 => 3..1024, 1 => any::<i32>()];
    let offset = || prop_oneof![3 => (0i64..1 << 30).prop_map(|n| n * 512), 1 => extreme()];
    (fd, offset(), offset(), any::<u64>()).prop_map(|(fd, file_offset, buffer_offset, buffer)| {
        Transfer { fd, file_offset, buffer_offset, num_bytes: 0, buffer }
    })
}

fn num_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        30 => (0i64..=40, -1i64..=1).prop_map(|(count, more)| Bytes::Blocks { count, more }),
        15 => (0i64..=300, -(1i64 << 20)..=1 << 20)
            .prop_map(|(count, more)| Bytes::Blocks { count, more }),
        15 => (0i64..1 << 40).prop_map(Bytes::Plain),
        1 => extreme().prop_map(Bytes::Plain),
    ]
}

/// Where arithmetic goes wrong if it does: around 0, powers of two, the end of what `double` counts
/// and of what 64 bits do.
fn extreme() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => -2i64..=2,
        4 => (0u32..64, -1i64..=1).prop_map(|(exponent, more)| (1i64 << exponent).wrapping_add(more)),
        2 => (1i64 << 53) - 2..=(1 << 53) + 2,
        2 => i64::MAX - 2..=i64::MAX,
        1 => i64::MIN..=i64::MIN + 2,
        1 => -(1i64 << 24)..0,
        2 => any::<i64>(),
    ]
}
