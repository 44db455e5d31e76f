//! Lives that once told the libraries apart, or a wrong library from a right one. They are compared
//! before any random one. What a failing run prints is an entry for this list.

use crate::life::Call::{Batch, Generator};
use crate::life::Iocbs::{Null, Vector, WithNull};
use crate::life::{Life, Transfer};

pub fn all() -> Vec<Life> {
    let transfer = Transfer {
        fd: 7,
        file_offset: 8192,
        buffer_offset: 4096,
        num_bytes: 10000,
        buffer: 1 << 40,
    };
    let life =
        Life { read_op: true, block_size: 4096, has_transfer: true, transfer, calls: vec![] };
    vec![
        // Finished, and asked once more for nothing sensible.
        Life {
            calls: vec![
                Generator { n_iocbs: 3, iocbs: Vector(3) },
                Generator { n_iocbs: -1, iocbs: Null },
            ],
            ..life.clone()
        },
        // The null pointer lies behind what is granted.
        Life { calls: vec![Generator { n_iocbs: 5, iocbs: WithNull(5, 3) }], ..life.clone() },
        // One byte in the last block, and none: the edge of D1.
        Life {
            calls: [8193, 8192]
                .map(|num_bytes| Batch {
                    n_iocbs: 3,
                    num_bytes,
                    start_buffer: 1 << 41,
                    start_offset: 0,
                    iocbs: Vector(3),
                })
                .to_vec(),
            ..life.clone()
        },
        // More bytes than `double` counts: the block count is one too few.
        Life {
            block_size: 1,
            transfer: Transfer { num_bytes: (1 << 53) + 1, ..transfer },
            calls: vec![Generator { n_iocbs: 2, iocbs: Vector(2) }],
            ..life.clone()
        },
        // Fewer bytes than none: a negative answer.
        Life {
            transfer: Transfer { num_bytes: -8192, ..transfer },
            calls: vec![Generator { n_iocbs: 1, iocbs: Vector(1) }; 3],
            ..life
        },
    ]
}
