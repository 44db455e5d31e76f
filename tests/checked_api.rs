//! The checked face as a Rust program uses it: whatever the request, the blocks tile the transfer.

use deepspeed_aio_utils::{Generator, Iocb, Operation, Transfer};
use proptest::prelude::*;

const READ: i16 = 0; // IO_CMD_PREAD

/// Transfers that can be addressed, in blocks that make few enough iocbs to hold.
fn requests() -> impl Strategy<Value = (Transfer, u64, usize)> {
    (1_u64..=1 << 40, 0_u64..2000, 0_u64..=u64::MAX, 1_usize..100, 0_i64..1 << 40, 0_i64..1 << 40)
        .prop_map(|(block_size, blocks, rest, room, file_offset, buffer_offset)| {
            let num_bytes = (block_size * blocks + rest % block_size) as i64;
            let buffer = std::ptr::without_provenance_mut(0x7000_0000_0000);
            let transfer =
                Transfer { buffer_offset, ..Transfer::new(3, file_offset, num_bytes, buffer) };
            (transfer, block_size, room)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn generated_blocks_tile_the_transfer((transfer, block_size, room) in requests()) {
        let mut generator = Generator::new(transfer, Operation::Read, block_size).unwrap();
        let mut iocbs = vec![Iocb::zeroed(); room];
        let start = transfer.buffer.addr() as u64 + transfer.buffer_offset as u64;
        let mut done = 0;
        loop {
            let n = generator.prepare(&mut iocbs).unwrap();
            if n == 0 {
                break;
            }
            for iocb in &iocbs[..n] {
                prop_assert_eq!(iocb.buf, start + done);
                prop_assert_eq!(iocb.offset, transfer.file_offset + done as i64);
                prop_assert!(iocb.nbytes >= 1 && iocb.nbytes <= block_size);
                prop_assert_eq!((iocb.aio_fildes(), iocb.aio_lio_opcode()), (3, READ));
                done += iocb.nbytes;
                // Only the last block may be short.
                prop_assert!(iocb.nbytes == block_size || done == transfer.num_bytes as u64);
            }
            prop_assert!(done <= transfer.num_bytes as u64);
        }
        prop_assert_eq!(done, transfer.num_bytes as u64);
    }

    #[test]
    fn a_batch_prepares_what_a_generator_does((transfer, block_size, room) in requests()) {
        let mut generator = Generator::new(transfer, Operation::Write, block_size).unwrap();
        let (mut a, mut b) = (vec![Iocb::zeroed(); room], vec![Iocb::zeroed(); room]);
        let mut position = 0;
        loop {
            let n = generator.prepare(&mut a).unwrap();
            prop_assert_eq!(
                transfer.prepare(Operation::Write, block_size, position, &mut b).unwrap(),
                n
            );
            prop_assert_eq!(&a[..n], &b[..n]);
            if n == 0 {
                break;
            }
            prop_assert!(generator.position > position);
            position = generator.position;
        }
    }

    /// Nothing panics, and what is refused changes nothing.
    #[test]
    fn any_values_are_answered(
        fd: i32, file_offset: i64, buffer_offset: i64, num_bytes: i64, address: usize,
        block_size: u64, position: i64,
    ) {
        let transfer = Transfer {
            fd, file_offset, buffer_offset, num_bytes,
            buffer: std::ptr::without_provenance_mut(address),
        };
        let mut poisoned = Iocb::zeroed();
        poisoned.data = 0xcdcd;
        let mut iocbs = [poisoned; 3];
        match transfer.prepare(Operation::Write, block_size, position, &mut iocbs) {
            Err(misuse) => {
                prop_assert_eq!(iocbs, [poisoned; 3]);
                prop_assert!(misuse.errno() > 0 && !misuse.to_string().is_empty());
            }
            Ok(n) => {
                prop_assert!(iocbs[n..].iter().all(|iocb| *iocb == poisoned));
                for iocb in &iocbs[..n] {
                    let end = iocb.buf.checked_add(iocb.nbytes).unwrap();
                    prop_assert!(end <= address as u64 + buffer_offset as u64 + num_bytes as u64);
                    prop_assert!(iocb.offset + iocb.nbytes as i64 <= file_offset + num_bytes);
                }
            }
        }
    }
}
