//! A drop-in replacement for one C++ file of DeepSpeed, `deepspeed_aio_utils.cpp`: its C++ functions,
//! and a C API, on top of the package `dsaio`, which Rust programs use directly.
//!
//! | module | what it holds |
//! |---|---|
//! | `cxx` | the original's C++ functions, under the names that C++ compilers give them |
//! | `flat` | the C API, `dsaio_*`: every argument checked, errors as negative errnos |
//! | `error` | what a caller can get wrong, as a sentence and as an errno |
//! | `diagnostics` | lines on stderr |
//!
//! `include/deepspeed_aio_utils.h`, generated from `cxx/objects.rs` and `flat.rs`, declares both.

mod cxx;
mod diagnostics;
mod error;
mod flat;

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_header_is_up_to_date() {
        let generated = include_str!(concat!(env!("OUT_DIR"), "/deepspeed_aio_utils.h"));
        let committed = include_str!("../include/deepspeed_aio_utils.h");
        assert!(
            generated == committed,
            "include/deepspeed_aio_utils.h is out of date; regenerate it with: make header"
        );
    }
}
