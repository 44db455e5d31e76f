//! The objects of one library, as raw storage that is poisoned before the library writes to it.

use crate::case::{Case, Iocbs};
use crate::library::Library;
use std::ffi::{c_int, c_void};
use std::ptr;

/// More than any vector has, so that what lies behind it is compared too.
pub const SLOTS: usize = 66;
pub const IOCB_BYTES: usize = 64;

/// Unlike 0, and unlike the value that a library would write there.
const POISON: u8 = 0xcd;

#[derive(Clone, PartialEq)]
#[repr(C, align(16))]
pub struct Storage<const N: usize>(pub [u8; N]);

impl<const N: usize> Storage<N> {
    fn poisoned() -> Self {
        Storage([POISON; N])
    }
    fn at(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }
    pub fn field(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.0[offset..offset + 8].try_into().expect("eight bytes"))
    }
    fn clear(&mut self, offset: usize) {
        self.0[offset..offset + 8].fill(0);
    }
}

type Iocb = Storage<IOCB_BYTES>;

/// What one library is given, and what it did with it. Boxed once and never moved, as the objects
/// point at each other.
pub struct Objects<'a> {
    library: &'a Library,
    xfer: Storage<40>,
    /// A `unique_ptr` is one pointer.
    owner: *const c_void,
    generator: Storage<56>,
    context: Storage<32>,
    slots: Vec<Iocb>,
    pointers: Vec<*mut Iocb>,
    /// A `vector` is begin, end and end of storage.
    vector: [*const c_void; 3],
}

impl<'a> Objects<'a> {
    pub fn new(library: &'a Library, case: &Case) -> Box<Self> {
        let mut objects = Box::new(Objects {
            library,
            xfer: Storage::poisoned(),
            owner: ptr::null(),
            generator: Storage::poisoned(),
            context: Storage::poisoned(),
            slots: vec![Storage::poisoned(); SLOTS],
            pointers: Vec::with_capacity(SLOTS),
            vector: [ptr::null(); 3],
        });
        let transfer = case.transfer;
        let buffer = ptr::without_provenance(transfer.buffer as usize);
        // SAFETY: storage of the size that the ABI gives the object.
        unsafe {
            (library.new_xfer)(
                objects.xfer.at(),
                transfer.fd,
                transfer.file_offset,
                transfer.buffer_offset,
                transfer.num_bytes,
                buffer,
            );
        }
        if case.has_transfer {
            objects.owner = objects.xfer.at();
        }
        objects
    }

    pub fn new_generator(&mut self, read_op: bool, block_size: u64) {
        let owner: *const *const c_void = &self.owner;
        let generator = self.generator.at();
        // SAFETY: as above; the reference cases as long as the object.
        unsafe {
            (self.library.new_generator)(
                generator,
                u8::from(read_op),
                owner.cast(),
                block_size as usize,
            );
        }
    }

    /// Calls the generator: its return value and `errno`.
    pub fn call_generator(&mut self, n_iocbs: i32, iocbs: Iocbs) -> (c_int, i32) {
        let vector = self.arrange(iocbs);
        set_errno();
        // SAFETY: constructed; the vector's pointers are valid, or the call is meant to end this
        // process.
        let answer = unsafe { (self.library.generator_prep)(self.generator.at(), n_iocbs, vector) };
        (answer, errno())
    }

    /// Constructs a batch and calls it: `errno`.
    #[allow(clippy::too_many_arguments)] // the C++ constructor's and the method's
    pub fn call_batch(
        &mut self,
        read_op: bool,
        block_size: u64,
        n_iocbs: i32,
        num_bytes: u64,
        start_buffer: u64,
        start_offset: i64,
        iocbs: Iocbs,
    ) -> i32 {
        let vector = self.arrange(iocbs);
        let owner: *const *const c_void = &self.owner;
        self.context = Storage::poisoned();
        let context = self.context.at();
        let start = ptr::without_provenance(start_buffer as usize);
        // SAFETY: as for the generator.
        unsafe {
            (self.library.new_context)(
                context,
                u8::from(read_op),
                owner.cast(),
                block_size as usize,
                vector,
            );
            set_errno();
            (self.library.context_prep)(context, n_iocbs, num_bytes as usize, start, start_offset);
        }
        errno()
    }

    /// Poisons every iocb and makes the vector. Its pointers run against the addresses, so that
    /// a library that ignores them is noticed.
    fn arrange(&mut self, iocbs: Iocbs) -> *mut c_void {
        self.slots.fill(Storage::poisoned());
        let slots = self.slots.as_mut_ptr();
        self.pointers.clear();
        for index in 0..iocbs.len() {
            let null = iocbs.null_before(index + 1) && !iocbs.null_before(index);
            // SAFETY: `SLOTS` is more than any length.
            let slot = unsafe { slots.add(slot_of(index)) };
            self.pointers.push(if null { ptr::null_mut() } else { slot });
        }
        let all = self.pointers.as_ptr_range();
        self.vector = [all.start.cast(), all.end.cast(), all.end.cast()];
        match iocbs {
            Iocbs::Null => ptr::null_mut(),
            _ => (&raw mut self.vector).cast(),
        }
    }

    pub fn iocb(&self, index: usize) -> &[u8; IOCB_BYTES] {
        &self.slots[slot_of(index)].0
    }

    pub fn set_iocb_length(&mut self, index: usize, length: u64) {
        self.slots[slot_of(index)].0[32..40].copy_from_slice(&length.to_ne_bytes());
    }

    pub fn xfer(&self) -> &Storage<40> {
        &self.xfer
    }

    pub fn iocbs_equal(&self, other: &Objects) -> bool {
        self.slots == other.slots
    }

    pub fn remaining_bytes(&self) -> i64 {
        self.generator.field(24) as i64
    }

    pub fn remaining_blocks(&self) -> i64 {
        self.generator.field(40) as i64
    }

    /// The generator, without the pointer to what is this library's own; whether that was right.
    pub fn generator_seen(&self) -> (Storage<56>, bool) {
        let mut seen = self.generator.clone();
        let right = seen.field(8) == (&raw const self.owner).addr() as u64;
        seen.clear(8);
        (seen, right)
    }

    /// The batch, likewise, with its pointer to the vector.
    pub fn context_seen(&self) -> (Storage<32>, bool) {
        let mut seen = self.context.clone();
        let vector = (&raw const self.vector).addr() as u64;
        let right =
            seen.field(8) == (&raw const self.owner).addr() as u64 && seen.field(24) == vector;
        seen.clear(8);
        seen.clear(24);
        (seen, right)
    }
}

fn slot_of(index: usize) -> usize {
    SLOTS - 1 - index
}

/// A value that no call sets.
fn set_errno() {
    // SAFETY: this thread's errno.
    unsafe { *libc::__errno_location() = 4711 };
}

fn errno() -> i32 {
    // SAFETY: this thread's errno.
    unsafe { *libc::__errno_location() }
}
