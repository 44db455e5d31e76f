//! Cases in which the libraries once differed, or in which a wrong library differs. They are compared
//! before any random one. What a failing run prints is an entry for this list.

use crate::case::Call::{Batch, Generator};
use crate::case::Iocbs::{Null, Vector, WithNull};
use crate::case::{Case, Transfer};

pub fn all() -> Vec<Case> {
    let transfer = Transfer {
        fd: 7,
        file_offset: 8192,
        buffer_offset: 4096,
        num_bytes: 10000,
        buffer: 1 << 40,
    };
    let case =
        Case { read_op: true, block_size: 4096, has_transfer: true, transfer, calls: vec![] };
    vec![
        // Finished, and called once more with impossible arguments.
        Case {
            calls: vec![
                Generator { n_iocbs: 3, iocbs: Vector(3) },
                Generator { n_iocbs: -1, iocbs: Null },
            ],
            ..case.clone()
        },
        // The null pointer lies behind what is granted.
        Case { calls: vec![Generator { n_iocbs: 5, iocbs: WithNull(5, 3) }], ..case.clone() },
        // One byte in the last block, and none: the edge of D1.
        Case {
            calls: [8193, 8192]
                .map(|num_bytes| Batch {
                    n_iocbs: 3,
                    num_bytes,
                    start_buffer: 1 << 41,
                    start_offset: 0,
                    iocbs: Vector(3),
                })
                .to_vec(),
            ..case.clone()
        },
        // More bytes than `double` counts: the block count is one too few.
        Case {
            block_size: 1,
            transfer: Transfer { num_bytes: (1 << 53) + 1, ..transfer },
            calls: vec![Generator { n_iocbs: 2, iocbs: Vector(2) }],
            ..case.clone()
        },
        // Fewer than 0 bytes: a negative return value.
        Case {
            transfer: Transfer { num_bytes: -8192, ..transfer },
            calls: vec![Generator { n_iocbs: 1, iocbs: Vector(1) }; 3],
            ..case
        },
    ]
}
