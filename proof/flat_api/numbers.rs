//! Numbers that programs get wrong: small ones, large ones, and those beside a power of two.

use arbitrary::{Result, Unstructured};

/// Any number, the awkward ones often.
pub fn awkward(input: &mut Unstructured) -> Result<i64> {
    Ok(match input.int_in_range(0_u8..=6)? {
        0 => input.int_in_range(0..=3)?,
        1 => input.int_in_range(-3..=-1)?,
        2 => i64::MAX - input.int_in_range(0..=3)?,
        3 => i64::MIN + input.int_in_range(0..=3)?,
        4 => (1_i64 << input.int_in_range(0_u32..=62)?) + input.int_in_range(-1..=1)?,
        5 => input.int_in_range(0..=64)? * 4096,
        _ => input.arbitrary()?,
    })
}

/// A number that a program gets right: at most `most`, at least 0.
pub fn modest(input: &mut Unstructured, most: i64) -> Result<i64> {
    input.int_in_range(0..=most)
}
