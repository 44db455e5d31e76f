//! Lines on stderr.

use std::fmt::Display;
use std::io::Write;

/// Writes `text` and a newline to stderr in one piece, so that lines of several threads do not
/// mix. A closed or full stderr is no reason to fail.
pub(crate) fn line(text: impl Display) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Says which condition `function` found broken, and aborts: the C++ ABI cannot report an error,
/// and the original aborts too (its assertions).
#[cold]
pub(crate) fn abort(function: &str, condition: impl Display) -> ! {
    line(format_args!("deepspeed_aio_utils: {function}: {condition}"));
    std::process::abort()
}
