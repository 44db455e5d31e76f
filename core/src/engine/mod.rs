//! Moves the bytes of a transfer by kernel AIO, and accounts for each of them.
//!
//! [`Queue::run`] returns when every byte has moved, or with a [`TransferError`] that says what
//! failed, where, and how many bytes moved before it. Nothing is in flight afterwards, either way.
//!
//! | module | what it holds |
//! |---|---|
//! | `queue` | the API: a queue and its transfers |
//! | `transfer_loop` | how a transfer is moved: which way, head, middle and tail |
//! | `middle` | the loop that keeps the queue full |
//! | `schedule` | which piece is next, and what an answer of the kernel means for it |
//! | `alignment` | which part of a transfer O_DIRECT can move |
//! | `system` | the system calls, behind a trait |
//! | `file` | flags, alignment and second descriptor of a file |
//! | `context` | the kernel's AIO contexts |
//! | `error` | why a transfer failed |
//!
//! All decisions are in `transfer_loop`, `middle`, `schedule` and `alignment`, which make no system
//! call and have no `unsafe`; their tests put a scripted kernel behind the trait.

mod alignment;
mod context;
mod error;
mod file;
mod middle;
mod queue;
mod schedule;
#[cfg(test)]
mod scripted;
mod system;
mod transfer_loop;

pub use error::TransferError;
pub use file::{Opened, open};
pub use queue::{Options, Queue, QueueError, Timings};
pub use system::IoEvent;
