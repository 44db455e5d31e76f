//! What the header promises, computed in another way than the library does: in 128 bits, where
//! nothing overflows, and block by block from the transfer's start.

use super::api::{GENERATOR, IOCB, TRANSFER};

/// A transfer's fields, as they lie in a C program's memory.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    pub fd: i32,
    pub file_offset: i64,
    pub buffer_offset: i64,
    pub num_bytes: i64,
    pub buffer: u64,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("N bytes")
}

impl Transfer {
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Transfer {
            fd: i32::from_ne_bytes(array(bytes, 0)),
            file_offset: i64::from_ne_bytes(array(bytes, 8)),
            buffer_offset: i64::from_ne_bytes(array(bytes, 16)),
            num_bytes: i64::from_ne_bytes(array(bytes, 24)),
            buffer: u64::from_ne_bytes(array(bytes, 32)),
        }
    }

    /// The struct; its padding, bytes 4 to 7, is that of `padding`.
    pub fn to_bytes(self, padding: u8) -> [u8; TRANSFER] {
        let mut bytes = [padding; TRANSFER];
        bytes[..4].copy_from_slice(&self.fd.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.file_offset.to_ne_bytes());
        bytes[16..24].copy_from_slice(&self.buffer_offset.to_ne_bytes());
        bytes[24..32].copy_from_slice(&self.num_bytes.to_ne_bytes());
        bytes[32..].copy_from_slice(&self.buffer.to_ne_bytes());
        bytes
    }
}

/// A request for blocks of a transfer.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub transfer: Transfer,
    pub block_size: u64,
    pub position: i64,
    /// `bool`, as the byte that it is.
    pub read_op: u8,
}

impl Request {
    pub fn from_generator(bytes: &[u8]) -> Self {
        Request {
            transfer: Transfer::from_bytes(bytes),
            block_size: u64::from_ne_bytes(array(bytes, TRANSFER)),
            position: i64::from_ne_bytes(array(bytes, TRANSFER + 8)),
            read_op: bytes[TRANSFER + 16],
        }
    }

    /// The generator that stands for this; padding is 0.
    pub fn to_generator(self) -> [u8; GENERATOR] {
        let mut bytes = [0; GENERATOR];
        bytes[..TRANSFER].copy_from_slice(&self.transfer.to_bytes(0));
        bytes[TRANSFER..TRANSFER + 8].copy_from_slice(&self.block_size.to_ne_bytes());
        bytes[TRANSFER + 8..TRANSFER + 16].copy_from_slice(&self.position.to_ne_bytes());
        bytes[TRANSFER + 16] = u8::from(self.read_op != 0);
        bytes
    }

    /// The errors of all values that are out of range. Which of several is answered is not
    /// promised.
    pub fn errors(&self) -> Vec<i32> {
        let t = &self.transfer;
        let mut errors = Vec::new();
        let mut when = |broken: bool, errno: i32| {
            if broken {
                errors.push(-errno);
            }
        };
        when(t.fd < 0, libc::EBADF);
        when(t.file_offset < 0 || t.buffer_offset < 0 || t.num_bytes < 0, libc::EINVAL);
        when(t.buffer == 0 && t.num_bytes > 0, libc::EFAULT);
        when(
            i128::from(t.file_offset) + i128::from(t.num_bytes) > i128::from(i64::MAX),
            libc::EOVERFLOW,
        );
        let memory_end =
            i128::from(t.buffer) + i128::from(t.buffer_offset) + i128::from(t.num_bytes);
        when(memory_end > i128::from(u64::MAX), libc::EOVERFLOW);
        when(self.block_size == 0, libc::EINVAL);
        when(self.position < 0 || self.position > t.num_bytes, libc::EINVAL);
        errors
    }

    /// How many blocks there are from the position on, at most `room`. Only without errors.
    pub fn count(&self, room: usize) -> usize {
        let mut blocks = 0;
        let mut left = self.transfer.num_bytes - self.position;
        // Block by block: the library divides.
        while left > 0 && blocks < room.min(super::state::MOST_SLOTS + 1) {
            left -= i64::try_from(self.block_size).unwrap_or(i64::MAX).min(left);
            blocks += 1;
        }
        blocks
    }

    /// The bytes of block `k`'s iocb: `io_prep_pread` or `io_prep_pwrite`.
    pub fn iocb(&self, k: usize) -> [u8; IOCB] {
        let t = &self.transfer;
        let start = i128::from(self.position) + k as i128 * i128::from(self.block_size);
        let length = i128::from(self.block_size).min(i128::from(t.num_bytes) - start);
        let memory = i128::from(t.buffer) + i128::from(t.buffer_offset) + start;
        let mut iocb = [0; IOCB];
        iocb[16] = u8::from(self.read_op == 0);
        iocb[20..24].copy_from_slice(&t.fd.to_ne_bytes());
        iocb[24..32].copy_from_slice(&(memory as u64).to_ne_bytes());
        iocb[32..40].copy_from_slice(&(length as u64).to_ne_bytes());
        iocb[40..48].copy_from_slice(&((i128::from(t.file_offset) + start) as i64).to_ne_bytes());
        iocb
    }

    /// The position after `count` blocks.
    pub fn position_after(&self, count: usize) -> i64 {
        let reached = i128::from(self.position) + count as i128 * i128::from(self.block_size);
        reached.min(i128::from(self.transfer.num_bytes)) as i64
    }

    /// Whether an iocb, as the library wrote it, stays inside the transfer, and moves something.
    pub fn holds(&self, iocb: &[u8]) -> bool {
        let t = &self.transfer;
        let memory = u128::from(u64::from_ne_bytes(array(iocb, 24)));
        let length = u128::from(u64::from_ne_bytes(array(iocb, 32)));
        let file = i128::from(i64::from_ne_bytes(array(iocb, 40)));
        let first = u128::from(t.buffer) + t.buffer_offset as u128;
        length > 0
            && memory >= first
            && memory + length <= first + t.num_bytes as u128
            && file >= i128::from(t.file_offset)
            && file + length as i128 <= i128::from(t.file_offset) + i128::from(t.num_bytes)
    }
}
