//! The file and the memory of a transfer. Only what belongs to it is there: whatever reaches for a
//! byte outside fails at once.

use super::script::{LONGEST, Script};
use crate::block::Origin;
use crate::iocb::Operation;
use std::ops::Range;
use std::sync::OnceLock;

/// Where the bounce buffers are. No transfer of a script lies there.
const BOUNCE: u64 = 1 << 40;
/// What a bounce buffer holds before anything is copied to it: no byte of file or memory.
const STALE: u8 = 0xee;

/// The bytes of a file, or of memory, before the transfer: they say where they belong. Those of the
/// file are even, those of memory are odd.
fn pattern(odd: bool) -> &'static [u8] {
    static PATTERNS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let make = |low: u8| -> Vec<u8> {
        let hash = |k: u64| (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        (0..LONGEST).map(|k| hash(k) & 0xfc | low).collect()
    };
    &PATTERNS.get_or_init(|| [make(0), make(1)])[usize::from(odd)]
}

/// A range of the file and of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Bytes from the start of the transfer.
    pub at: u64,
    pub address: u64,
    pub len: u64,
}

pub(super) struct Model {
    operation: Operation,
    start: Origin,
    /// How much of the range the file has, or has room for.
    ends: u64,
    file: Vec<u8>,
    memory: Vec<u8>,
    /// 1 for each byte that is in the page cache, and not on the device yet.
    cached: Vec<u8>,
    bounce: Vec<u8>,
    pub stride: u64,
}

enum Place {
    Memory(Range<usize>),
    Bounce(Range<usize>),
}

impl Model {
    pub fn new(script: &Script) -> Self {
        let length = script.num_bytes as usize;
        Model {
            operation: script.operation,
            start: script.start(),
            ends: script.ends.unwrap_or(u64::MAX),
            file: pattern(false)[..length].to_vec(),
            memory: pattern(true)[..length].to_vec(),
            cached: vec![0; length],
            bounce: Vec::new(),
            stride: 0,
        }
    }

    pub fn reserve(&mut self, slots: usize, num_bytes: u64, alignment: u64) {
        self.stride = num_bytes.next_multiple_of(alignment.max(4096));
        self.bounce = vec![STALE; slots * self.stride as usize];
    }

    pub fn bounce(&self, slot: usize) -> u64 {
        let begin = slot as u64 * self.stride;
        assert!(begin < self.bounce.len() as u64, "slot {slot} has no bounce buffer");
        BOUNCE + begin
    }

    /// The slot whose bounce buffer has an address.
    pub fn slot_of(&self, address: u64) -> Option<usize> {
        let from = address.checked_sub(BOUNCE).filter(|&from| from < self.bounce.len() as u64)?;
        Some((from / self.stride) as usize)
    }

    /// Bytes from the start of the transfer.
    pub fn at(&self, file_offset: i64, len: u64) -> u64 {
        let at = file_offset.wrapping_sub(self.start.file_offset) as u64;
        let ends = at.checked_add(len).is_some_and(|end| end <= self.file.len() as u64);
        assert!(ends, "{len} bytes at {file_offset} are outside the range of the file");
        at
    }

    fn place(&self, address: u64, len: u64) -> Place {
        let range = |start: u64, size: u64| {
            let from = address.checked_sub(start)?;
            let to = from.checked_add(len).filter(|&to| to <= size)?;
            Some(from as usize..to as usize)
        };
        if let Some(range) = range(self.start.buffer, self.memory.len() as u64) {
            return Place::Memory(range);
        }
        let slot = self.slot_of(address).expect("this is no memory of the transfer");
        let slot_at = BOUNCE + slot as u64 * self.stride;
        let inside = range(slot_at, self.stride).expect("this runs out of a bounce buffer");
        let begin = slot * self.stride as usize;
        Place::Bounce(begin + inside.start..begin + inside.end)
    }

    /// Panics where memory that belongs to the transfer is not all of this.
    pub fn check_place(&self, address: u64, len: u64) {
        self.place(address, len);
    }

    /// Moves at most so many bytes between the file and memory; the number moved, or a negative errno.
    pub fn carry(&mut self, span: Span, most: u64) -> i64 {
        let left = self.ends.saturating_sub(span.at);
        if left == 0 && self.operation == Operation::Write {
            return -i64::from(libc::ENOSPC);
        }
        let moved = span.len.min(left).min(most);
        let at = span.at as usize;
        let place = self.place(span.address, moved);
        let file = &mut self.file[at..at + moved as usize];
        let memory = match place {
            Place::Memory(range) => &mut self.memory[range],
            Place::Bounce(range) => &mut self.bounce[range],
        };
        match self.operation {
            Operation::Read => memory.copy_from_slice(file),
            Operation::Write => file.copy_from_slice(memory),
        }
        moved as i64
    }

    pub fn copy(&mut self, from: u64, to: u64, len: u64) {
        match (self.operation, self.place(from, len), self.place(to, len)) {
            (Operation::Read, Place::Bounce(from), Place::Memory(to)) => {
                self.memory[to].copy_from_slice(&self.bounce[from]);
            }
            (Operation::Write, Place::Memory(from), Place::Bounce(to)) => {
                self.bounce[to].copy_from_slice(&self.memory[from]);
            }
            _ => panic!("this copies in the wrong direction"),
        }
    }

    pub fn set_cached(&mut self, at: u64, len: u64, cached: bool) {
        self.cached[at as usize..][..len as usize].fill(cached.into());
    }

    /// The first `moved` bytes have moved; of the others each is as it was, or has moved as well.
    pub fn check_moved(&self, moved: u64) {
        let length = self.file.len();
        let (file, memory) = (&pattern(false)[..length], &pattern(true)[..length]);
        let (source, source_was, target, target_was) = match self.operation {
            Operation::Read => (&self.file, file, &self.memory, memory),
            Operation::Write => (&self.memory, memory, &self.file, file),
        };
        assert!(source == source_was, "what is only read has changed");
        let moved = moved as usize;
        if target[..moved] != source[..moved] {
            let at = (0..moved).find(|&k| target[k] != source[k]);
            panic!("byte {} of the first {moved} has not moved", at.unwrap_or_default());
        }
        for from in (moved..length).step_by(64) {
            let range = from..length.min(from + 64);
            let same = |with: &[u8]| target[range.clone()] == with[range.clone()];
            let mut each = range.clone();
            let allowed = same(source)
                || same(target_was)
                || each.all(|k| target[k] == source[k] || target[k] == target_was[k]);
            assert!(allowed, "a byte of {range:?} is neither what it was nor what it should be");
        }
    }

    /// None of the first `moved` bytes is in the page cache alone.
    pub fn check_on_device(&self, moved: u64) {
        let at = self.cached[..moved as usize].iter().position(|&cached| cached == 1);
        assert!(at.is_none(), "byte {} is in the page cache alone", at.unwrap_or_default());
    }
}
