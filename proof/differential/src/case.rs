//! What is fed to both libraries: a transfer, and a sequence of calls on objects made for it.

/// One transfer, and what its generator and its batch are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub read_op: bool,
    pub block_size: u64,
    /// Whether the `unique_ptr` owns a transfer at all.
    pub has_transfer: bool,
    pub transfer: Transfer,
    /// The generator is constructed before its first call.
    pub calls: Vec<Call>,
}

/// The arguments of `io_xfer_ctxt`. The memory at `buffer` is never accessed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    pub fd: i32,
    pub file_offset: i64,
    pub buffer_offset: i64,
    pub num_bytes: i64,
    pub buffer: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    /// `io_prep_context::prep_iocbs`.
    Batch { n_iocbs: i32, num_bytes: u64, start_buffer: u64, start_offset: i64, iocbs: Iocbs },
    /// `io_prep_generator::prep_iocbs`.
    Generator { n_iocbs: i32, iocbs: Iocbs },
}

/// The vector that a call is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Iocbs {
    /// This many iocbs.
    Vector(usize),
    /// This many, and a null pointer in place of the one at this index.
    WithNull(usize, usize),
    /// No vector at all.
    Null,
}

impl Iocbs {
    pub fn len(self) -> usize {
        match self {
            Iocbs::Vector(len) | Iocbs::WithNull(len, _) => len,
            Iocbs::Null => 0,
        }
    }

    /// Index of the null pointer, where it is among the first `n`.
    pub fn null_before(self, n: usize) -> bool {
        matches!(self, Iocbs::WithNull(len, index) if index < n.min(len))
    }
}

impl Case {
    /// The case as an entry for `regressions.rs`.
    pub fn as_regression(&self) -> String {
        let code = format!("{self:#?}").replace("calls: [", "calls: vec![");
        let mut text = String::new();
        for line in code.lines() {
            text.push_str("        ");
            text.push_str(line);
            text.push('\n');
        }
        text.trim_end().to_owned() + ","
    }
}
