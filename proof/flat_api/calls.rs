//! Which call comes next, and what the caller does to its own structs in between.

use super::model::Transfer;
use super::numbers::{awkward, modest};
use super::state::{Answered, State};
use super::{api, buffers, preparation, sizes};
use arbitrary::{Result, Unstructured};

/// Makes the next call. The state then knows what every byte must be.
pub fn next(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    match input.int_in_range(0_u8..=11)? {
        0 | 1 => change_transfer(state, input),
        2 => forge_generator(state, input),
        3 | 4 => preparation::batch(state, input),
        5 => preparation::generator_init(state, input),
        6 | 7 => preparation::generator_prep(state, input),
        8 => sizes::of_path(state, input),
        9 => sizes::of_fd(state, input),
        10 => buffers::alloc(state, input),
        _ => buffers::free(state, input),
    }
}

fn change_transfer(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let index = input.choose_index(state.transfers.len())?;
    let target = &mut state.transfers[index];
    // With each field awkward hardly any call would succeed: at most one field is.
    let mut transfer = Transfer {
        fd: input.int_in_range(0..=9)?,
        file_offset: modest(input, 1 << 40)?,
        buffer_offset: modest(input, 1 << 20)?,
        num_bytes: modest(input, 1 << 16)?,
        buffer: 0x1000 + modest(input, 1 << 46)? as u64,
    };
    match input.int_in_range(0_u8..=11)? {
        0 => transfer.fd = awkward(input)? as i32,
        1 => transfer.file_offset = awkward(input)?,
        2 => transfer.buffer_offset = awkward(input)?,
        3 => transfer.num_bytes = awkward(input)?,
        4 => transfer.buffer = awkward(input)? as u64,
        5 => {
            transfer.buffer = 0;
            if input.arbitrary()? {
                transfer.num_bytes = 0;
            }
        }
        // Up to the last byte that there is, and beyond it.
        6 => transfer.file_offset = (i64::MAX - transfer.num_bytes) + input.int_in_range(-1..=0)?,
        7 => {
            let end = transfer.buffer_offset as u64 + transfer.num_bytes as u64;
            transfer.buffer = (u64::MAX - end).saturating_add(input.int_in_range(0..=1)?);
        }
        8 => {
            target.set(0, &input.arbitrary::<[u8; api::TRANSFER]>()?);
            return Ok(("(any bytes as a transfer)", 0));
        }
        _ => {}
    }
    target.set(0, &transfer.to_bytes(input.arbitrary()?));
    Ok(("(a transfer)", 0))
}

fn forge_generator(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let index = input.choose_index(state.generators.len())?;
    let generator = &mut state.generators[index];
    match input.int_in_range(0_u8..=4)? {
        // A field of 8 bytes.
        0 | 1 => {
            let field = input.int_in_range(1..=6)? * 8;
            generator.set(field, &awkward(input)?.to_ne_bytes());
        }
        2 => generator.set(0, &(awkward(input)? as i32).to_ne_bytes()),
        // `bool`, and the padding after it.
        3 => generator.set(56, &input.arbitrary::<[u8; 8]>()?),
        _ => generator.set(0, &input.arbitrary::<[u8; api::GENERATOR]>()?),
    }
    Ok(("(a forged generator)", 0))
}
