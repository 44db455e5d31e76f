//! A transfer's requests, a few at a time, so that the queue never runs dry.
#![forbid(unsafe_code)]

use crate::block::Blocks;
use crate::error::PrepareError;
use crate::iocb::{self, Iocb, Operation};
use crate::transfer::Transfer;

/// Hands out the requests of a transfer, each once, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generator {
    transfer: Transfer,
    operation: Operation,
    block_size: u64,
    position: i64,
}

impl Generator {
    /// A generator at the start of `transfer`; `block_size` is the size of every block but the
    /// last, in bytes.
    ///
    /// # Errors
    ///
    /// [`PrepareError::ZeroBlockSize`].
    pub fn new(
        transfer: Transfer,
        operation: Operation,
        block_size: u64,
    ) -> Result<Self, PrepareError> {
        Generator::at(transfer, operation, block_size, 0)
    }

    /// A generator that has handed out the first `position` bytes of `transfer`.
    ///
    /// # Errors
    ///
    /// [`PrepareError::ZeroBlockSize`], [`PrepareError::Outside`].
    pub fn at(
        transfer: Transfer,
        operation: Operation,
        block_size: u64,
        position: i64,
    ) -> Result<Self, PrepareError> {
        transfer.blocks(block_size, position, 0)?;
        Ok(Generator { transfer, operation, block_size, position })
    }

    /// Whether the requests read or write the file.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// How many bytes have been handed out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Hands out the next blocks, at most `room`.
    pub fn take_blocks(&mut self, room: usize) -> Blocks {
        let blocks = self
            .transfer
            .blocks(self.block_size, self.position, room)
            .expect("block size and position were checked when the generator was made");
        let left = (self.transfer.num_bytes() - self.position) as u64;
        let taken = (blocks.len() as u64).saturating_mul(self.block_size).min(left);
        self.position += taken as i64;
        blocks
    }

    /// Fills `iocbs` with the next requests and returns how many it filled; 0 means that all were
    /// handed out, or that `iocbs` is empty.
    pub fn prepare(&mut self, iocbs: &mut [Iocb]) -> usize {
        let mut blocks = self.take_blocks(iocbs.len());
        let count = blocks.len();
        iocb::fill(
            iocbs.iter_mut(),
            &mut blocks,
            self.operation,
            self.transfer.fd(),
            |slot, iocb| *slot = iocb,
        );
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_starts_inside_its_transfer() {
        let buffer = std::ptr::without_provenance_mut(4096);
        let transfer = Transfer::new(3, 0, buffer, 10_000).unwrap();
        let at = |position| Generator::at(transfer, Operation::Read, 4096, position);
        assert_eq!(at(-1).unwrap_err(), PrepareError::Outside { position: -1, num_bytes: 10_000 });
        assert!(at(10_001).is_err());
        assert_eq!(at(10_000).unwrap().take_blocks(8).len(), 0);
        assert_eq!(at(8192).unwrap().take_blocks(8).map(|b| b.length).collect::<Vec<_>>(), [1808]);
        let zero = Generator::new(transfer, Operation::Read, 0);
        assert_eq!(zero.unwrap_err(), PrepareError::ZeroBlockSize);
    }
}
