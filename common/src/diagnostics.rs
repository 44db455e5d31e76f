//! Lines on stderr.

use crate::record;
use dsaio::engine::Queue;
use std::fmt::Display;
use std::io::Write;
use std::sync::Once;

/// Writes bytes and a newline to stderr in one piece, so that lines of several threads do not mix. A
/// closed or full stderr is no reason to fail.
pub(crate) fn bytes(line: &[u8]) {
    let _ = std::io::stderr().write_all(&[line, b"\n"].concat());
}

/// Writes a line of this library's.
pub(crate) fn line(text: impl Display) {
    bytes(format!("deepspeed_aio_common: {text}").as_bytes());
}

/// Writes a line and aborts: the C++ functions return nothing that could say what went wrong.
#[cold]
pub(crate) fn abort(text: impl Display) -> ! {
    line(text);
    std::process::abort()
}

/// Says that the kernel gave a queue less than was asked for: to the thread's recorder, or on stderr, once
/// per process.
pub(crate) fn queue_notice(queue: &Queue) {
    static SAID: Once = Once::new();
    let Some(notice) = queue.notice() else { return };
    match record::current() {
        Some(recorder) => recorder.record_notice(notice),
        None => SAID.call_once(|| line(notice)),
    }
}
