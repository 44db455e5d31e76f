//! Any request: its blocks cover the transfer, each byte once and in order.

use dsaio::{Generator, Iocb, Operation, Transfer};
use proptest::prelude::*;

const READ: i16 = 0; // IO_CMD_PREAD

/// The numbers of a transfer that can be addressed, and a block size that makes few enough iocbs.
#[derive(Clone, Copy, Debug)]
struct Request {
    file_offset: i64,
    address: usize,
    num_bytes: i64,
    block_size: u64,
    room: usize,
}

impl Request {
    fn transfer(&self) -> Transfer {
        let buffer = std::ptr::without_provenance_mut(self.address);
        Transfer::new(3, self.file_offset, buffer, self.num_bytes).unwrap()
    }
}

fn requests() -> impl Strategy<Value = Request> {
    // Up to 63 bits, any magnitude as likely as another.
    let block_size = (0_u32..63, any::<u64>()).prop_map(|(bits, n)| (n >> 1 >> bits).max(1));
    (block_size, 0_u64..2000, any::<u64>(), 1_usize..100, 0_i64..1 << 40, 1_usize..1 << 40)
        .prop_map(|(block_size, blocks, rest, room, file_offset, address)| {
            let most = (i64::MAX as u64 - file_offset as u64) / block_size;
            let num_bytes = block_size * blocks.min(most.saturating_sub(1)) + rest % block_size;
            let num_bytes = num_bytes.min(i64::MAX as u64 - file_offset as u64) as i64;
            Request { file_offset, address, num_bytes, block_size, room }
        })
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 20 } else { 2000 };
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn generated_blocks_cover_the_transfer(request in requests()) {
        let Request { file_offset, address, num_bytes, block_size, room } = request;
        let mut generator = Generator::new(request.transfer(), Operation::Read, block_size).unwrap();
        let mut iocbs = vec![Iocb::zeroed(); room];
        let mut done = 0;
        loop {
            let n = generator.prepare(&mut iocbs);
            if n == 0 {
                break;
            }
            for iocb in &iocbs[..n] {
                prop_assert_eq!(iocb.buffer(), address as u64 + done);
                prop_assert_eq!(iocb.file_offset(), file_offset + done as i64);
                prop_assert!(iocb.num_bytes() >= 1 && iocb.num_bytes() <= block_size);
                prop_assert_eq!((iocb.fd(), iocb.opcode(), iocb.data()), (3, READ, 0));
                done += iocb.num_bytes();
                // Only the last block may be short.
                prop_assert!(iocb.num_bytes() == block_size || done == num_bytes as u64);
            }
            prop_assert_eq!(generator.position(), done as i64);
        }
        prop_assert_eq!(done, num_bytes as u64);
    }

    #[test]
    fn a_transfer_prepares_what_a_generator_does(request in requests()) {
        let transfer = request.transfer();
        let mut generator = Generator::new(transfer, Operation::Write, request.block_size).unwrap();
        let (mut a, mut b) = (vec![Iocb::zeroed(); request.room], vec![Iocb::zeroed(); request.room]);
        let mut position = 0;
        loop {
            let n = generator.prepare(&mut a);
            let same = transfer.prepare(Operation::Write, request.block_size, position, &mut b);
            prop_assert_eq!(same, Ok(n));
            prop_assert_eq!(&a[..n], &b[..n]);
            if n == 0 {
                break;
            }
            position = generator.position();
        }
    }

    /// Nothing panics, nothing is prepared outside the transfer, and an error changes nothing.
    #[test]
    fn any_values_are_answered(
        fd: i32, file_offset: i64, num_bytes: i64, address: usize, block_size: u64, position: i64,
    ) {
        let mut marked = Iocb::zeroed();
        marked.set_data(0xcdcd);
        let mut iocbs = [marked; 3];
        let buffer = std::ptr::without_provenance_mut(address);
        let prepared = Transfer::new(fd, file_offset, buffer, num_bytes)
            .and_then(|transfer| transfer.prepare(Operation::Write, block_size, position, &mut iocbs));
        match prepared {
            Err(error) => {
                prop_assert_eq!(iocbs, [marked; 3]);
                prop_assert!(error.errno() > 0 && !error.to_string().is_empty());
            }
            Ok(n) => {
                prop_assert!(iocbs[n..].iter().all(|iocb| *iocb == marked));
                for iocb in &iocbs[..n] {
                    let end = iocb.buffer().checked_add(iocb.num_bytes()).unwrap();
                    prop_assert!(end <= address as u64 + num_bytes as u64);
                    prop_assert!(iocb.file_offset() + iocb.num_bytes() as i64 <= file_offset + num_bytes);
                }
            }
        }
    }
}
