//! The loop that keeps the kernel's queue full, and takes its answers in batches.
#![forbid(unsafe_code)]

use super::alignment::Parts;
use super::error::Cause;
use super::schedule::{Failure, Piece, Schedule, Then};
use super::system::{System, Via};
use super::transfer_loop::{ATTEMPTS, Job, move_now, retried};
use crate::block::Block;
use crate::iocb::{Iocb, Operation};

/// How much memory the aligned buffers of one transfer take at most; one block at least. Little in
/// tests, so that small transfers reach it.
pub(super) const BOUNCE_BYTES: u64 = if cfg!(test) { 20_000 } else { 32 << 20 };

/// Small blocks that follow each other are one request up to this size, in bytes.
const JOINED: u64 = if cfg!(test) { 2048 } else { 64 << 10 };

/// How many blocks one request moves. Joined or not, as many bytes are in flight, in at least four requests
/// where the queue is that deep.
fn blocks_per_request(job: &Job, block: u64, capacity: usize) -> u64 {
    if job.single_submit { 1 } else { (capacity as u64 / 4).min(JOINED / block).max(1) }
}

/// The requests of a queue. A slot is free, or waits to be submitted, or is in flight.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// What each slot's request moves.
    pieces: Vec<Piece>,
    free: Vec<usize>,
    /// Prepared, and not accepted by the kernel yet, in the order of the file.
    waiting: Vec<usize>,
    in_flight: Vec<bool>,
    num_in_flight: usize,
    /// Slots that the kernel has answered, and what it said.
    answers: Vec<(usize, i64)>,
}

impl Slots {
    fn reset(&mut self, count: usize) {
        self.pieces.clear();
        self.pieces.resize(count, Piece::default());
        self.in_flight.clear();
        self.in_flight.resize(count, false);
        self.waiting.clear();
        self.free.clear();
        self.free.extend((0..count).rev());
        self.num_in_flight = 0;
    }
}

/// Moves the middle part of a transfer.
pub(super) fn run<S: System>(
    system: &mut S,
    slots: &mut Slots,
    job: &Job,
    part: Piece,
    parts: &Parts,
) -> Result<(), Failure> {
    if part.len == 0 {
        return Ok(());
    }
    let capacity = system.capacity();
    let blocks = blocks_per_request(job, parts.block, capacity);
    let size = parts.block * blocks;
    let requests = part.len.div_ceil(size);
    // A single request is one pread or pwrite: there is nothing that could overlap.
    let single = requests == 1 && !job.timed;
    let mut count = if single { 0 } else { requests.min(capacity as u64 / blocks) as usize };
    if parts.bounce {
        let failed = |errno| Failure { at: part.at, cause: Cause::Os(errno) };
        let start = job.origin(part.at).buffer;
        retried(system, |system| system.check_memory(job.operation, start, part.len))
            .map_err(failed)?;
        count = count.min((BOUNCE_BYTES / size) as usize);
        let longest = size.min(part.len);
        system.reserve_bounce(count.max(1), longest).map_err(failed)?;
    }
    slots.reset(count);
    let schedule = Schedule::new(part.at, part.at + part.len, size);
    let mut middle = Middle { system, slots, job, schedule, bounce: parts.bounce, refused: 0 };
    if count > 0 {
        middle.keep_the_queue_full();
    }
    // Without a queue, or after it was given up: one piece at a time.
    while let Some(piece) = middle.schedule.take() {
        middle.move_now(0, piece);
    }
    middle.schedule.outcome()
}

struct Middle<'a, S> {
    system: &'a mut S,
    slots: &'a mut Slots,
    job: &'a Job,
    schedule: Schedule,
    bounce: bool,
    /// How often the kernel has accepted nothing, with nothing in flight, since it last accepted.
    refused: u32,
}

impl<S: System> Middle<'_, S> {
    /// Returns when nothing is in flight and nothing is left to do, or when the queue is lost.
    fn keep_the_queue_full(&mut self) {
        loop {
            self.prepare();
            self.submit();
            if self.slots.num_in_flight > 0 {
                if !self.reap() {
                    return;
                }
            } else if !self.schedule.has_more() {
                return;
            }
        }
    }

    /// Puts the next pieces into the free slots.
    fn prepare(&mut self) {
        while let Some(slot) = self.slots.free.pop() {
            let Some(piece) = self.schedule.take() else {
                self.slots.free.push(slot);
                return;
            };
            let mut at = self.job.origin(piece.at);
            if self.bounce {
                at.buffer = self.bounced(slot, piece);
            }
            let block = Block { at, length: piece.len };
            let iocb = Iocb::for_block(self.job.operation, self.job.fd, block);
            self.system.prepare(slot, iocb);
            self.slots.pieces[slot] = piece;
            self.slots.waiting.push(slot);
        }
    }

    /// Hands over every request that waits, or as many as the kernel takes while others are in flight.
    fn submit(&mut self) {
        while !self.slots.waiting.is_empty() {
            let count = if self.job.single_submit { 1 } else { self.slots.waiting.len() };
            match self.system.submit(&self.slots.waiting[..count]) {
                Ok(accepted) if accepted > 0 => {
                    self.refused = 0;
                    for slot in self.slots.waiting.drain(..accepted.min(count)) {
                        self.slots.in_flight[slot] = true;
                        self.slots.num_in_flight += 1;
                    }
                }
                Err(libc::EINTR) => {}
                Ok(_) | Err(libc::EAGAIN) if self.slots.num_in_flight > 0 => return,
                Ok(_) | Err(libc::EAGAIN) if self.refused < ATTEMPTS => {
                    self.refused += 1;
                    self.system.pause();
                }
                // An error is that of the first request; the others were not looked at.
                Ok(_) | Err(_) => {
                    let slot = self.slots.waiting.remove(0);
                    self.move_now(slot, self.slots.pieces[slot]);
                    self.slots.free.push(slot);
                    self.drop_unwanted();
                }
            }
        }
    }

    /// Requests behind a failure are not made any more.
    fn drop_unwanted(&mut self) {
        let Slots { waiting, pieces, free, .. } = &mut *self.slots;
        waiting.retain(|&slot| {
            let wanted = self.schedule.is_wanted(pieces[slot]);
            if !wanted {
                free.push(slot);
            }
            wanted
        });
    }

    /// Takes answers of the kernel; false if it gives none any more.
    fn reap(&mut self) -> bool {
        let in_flight = self.slots.num_in_flight;
        // Each wait, and each submission after it, costs more than the requests in it.
        let wait_for = if !self.slots.waiting.is_empty() {
            1
        } else if !self.schedule.has_more() {
            in_flight
        } else if self.job.overlap {
            in_flight.div_ceil(4)
        } else {
            (in_flight * 7 / 8).max(1)
        };
        self.slots.answers.clear();
        match self.system.reap(wait_for, &mut self.slots.answers) {
            Ok(()) => {}
            Err(libc::EINTR) => return true,
            Err(_) => {
                self.abandon();
                return false;
            }
        }
        for index in 0..self.slots.answers.len() {
            let (slot, result) = self.slots.answers[index];
            if !self.slots.in_flight.get_mut(slot).is_some_and(std::mem::take) {
                continue; // not a request of ours
            }
            self.slots.num_in_flight -= 1;
            let piece = self.slots.pieces[slot];
            let moved = u64::try_from(result).unwrap_or(0);
            if self.bounce && self.job.operation == Operation::Read && moved <= piece.len {
                self.copy_out(slot, Piece { at: piece.at, len: moved });
            }
            if let Then::MoveNow(piece) = self.schedule.answered(piece, result) {
                self.move_now(slot, piece);
            }
            self.slots.free.push(slot);
        }
        self.drop_unwanted();
        true
    }

    /// The kernel does not say what became of the requests. Once the queue is gone none of them is in
    /// flight, and a request can be made twice: the bytes are the same.
    fn abandon(&mut self) {
        self.system.abandon();
        for slot in 0..self.slots.pieces.len() {
            let waits = self.slots.waiting.contains(&slot);
            if std::mem::take(&mut self.slots.in_flight[slot]) || waits {
                self.move_now(slot, self.slots.pieces[slot]);
            }
        }
        self.slots.num_in_flight = 0;
        self.slots.waiting.clear();
    }

    /// Moves a piece without the queue.
    fn move_now(&mut self, slot: usize, piece: Piece) {
        if !self.schedule.is_wanted(piece) {
            return;
        }
        let address =
            if self.bounce { self.bounced(slot, piece) } else { self.job.origin(piece.at).buffer };
        let outcome = move_now(self.system, self.job, Via::AsOpened, address, piece);
        let moved = outcome.map_or_else(|failure| failure.at - piece.at, |()| piece.len);
        if self.bounce && self.job.operation == Operation::Read {
            self.copy_out(slot, Piece { at: piece.at, len: moved });
        }
        if let Err(failure) = outcome {
            self.schedule.failed(failure.at, failure.cause);
        }
    }

    /// The aligned buffer of a slot, with the bytes of the piece in it if they are to be written.
    fn bounced(&mut self, slot: usize, piece: Piece) -> u64 {
        let buffer = self.system.bounce(slot);
        if self.job.operation == Operation::Write {
            self.system.copy(self.job.origin(piece.at).buffer, buffer, piece.len);
        }
        buffer
    }

    fn copy_out(&mut self, slot: usize, piece: Piece) {
        let buffer = self.system.bounce(slot);
        self.system.copy(buffer, self.job.origin(piece.at).buffer, piece.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Origin;

    #[test]
    fn small_blocks_are_joined_and_four_requests_fill_the_queue() {
        let joined = |single_submit, block, capacity| {
            let job = Job {
                operation: Operation::Read,
                fd: 3,
                start: Origin { buffer: 0, file_offset: 0 },
                num_bytes: 1 << 20,
                block_size: block,
                single_submit,
                overlap: true,
                timed: false,
            };
            blocks_per_request(&job, block, capacity)
        };
        let small = JOINED / 4;
        assert_eq!(joined(false, small, 128), 4);
        assert_eq!(joined(false, small, 8), 2);
        assert_eq!(joined(false, small, 7), 1);
        assert_eq!(joined(false, small, 0), 1);
        assert_eq!(joined(false, JOINED, 128), 1);
        assert_eq!(joined(false, u64::MAX, 128), 1);
        assert_eq!(joined(true, small, 128), 1);
    }
}
