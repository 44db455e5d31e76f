//! A drop-in replacement for two C++ files of DeepSpeed, `deepspeed_aio_common.cpp` and
//! `deepspeed_aio_types.cpp`: their C++ functions, and a C API. The loop that moves the bytes is in
//! the package `dsaio`, which Rust programs use directly.
//!
//! | module | what it holds |
//! |---|---|
//! | `cxx` | the originals' C++ functions, under the names that C++ compilers give them |
//! | `flat` | the C API, `dsaio_*`: every argument checked, errors as negative errnos |
//! | `record` | failures that wait until the program takes them |
//! | `open` | opens a file, with or without O_DIRECT |
//! | `error` | what a caller can get wrong, as a sentence and as an errno |
//! | `diagnostics` | lines on stderr |
//!
//! `include/dsaio_transfer.h`, generated from `flat`, declares the C API. C++ programs include
//! DeepSpeed's own headers.

mod cxx;
mod diagnostics;
mod error;
mod flat;
mod open;
mod record;

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_header_is_up_to_date() {
        let generated = include_str!(concat!(env!("OUT_DIR"), "/dsaio_transfer.h"));
        let committed = include_str!("../include/dsaio_transfer.h");
        assert!(
            generated == committed,
            "include/dsaio_transfer.h is out of date; regenerate it with: make header"
        );
    }
}
