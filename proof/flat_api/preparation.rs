//! `dsaio_prep_batch`, `dsaio_generator_init` and `dsaio_generator_prep`, and what each must do.

use super::model::{Request, Transfer};
use super::numbers::{awkward, modest};
use super::state::{Answered, MOST_SLOTS, State};
use super::{api, state};
use arbitrary::{Result, Unstructured};
use std::ffi::c_void;
use std::ptr;

/// An array of pointers to iocbs.
struct Slots {
    pointers: Box<[*mut c_void]>,
    /// The iocbs that they point to.
    targets: Vec<Option<usize>>,
    null: bool,
    n_iocbs: usize,
}

impl Slots {
    /// Some for a request. The array is as long as the library may look, not as long as `n_iocbs`
    /// says: pointers behind the last block are not looked at.
    fn new(request: Option<&Request>, state: &State, input: &mut Unstructured) -> Result<Self> {
        let mut n_iocbs = match input.int_in_range(0_u8..=3)? {
            0 => awkward(input)? as usize,
            _ => input.int_in_range(0..=MOST_SLOTS)?,
        };
        let mut length = request.map_or(0, |request| request.count(n_iocbs));
        if length > MOST_SLOTS {
            n_iocbs = MOST_SLOTS;
            length = MOST_SLOTS;
        }
        // Nulls are rare. The same iocb may come twice; the last block that goes there stays.
        let mut targets = Vec::new();
        for _ in 0..length {
            let choice = input.int_in_range(0..=4 * state.iocbs.len())?;
            targets.push((choice > 0).then(|| choice % state.iocbs.len()));
        }
        let pointer = |target: &Option<usize>| match target {
            Some(index) => state.iocbs[*index].pointer(),
            None => ptr::null_mut(),
        };
        let pointers = targets.iter().map(pointer).collect();
        Ok(Slots { pointers, targets, null: input.ratio(1, 8)?, n_iocbs })
    }

    fn pointer(&self) -> *const *mut c_void {
        match (self.null, self.pointers.is_empty()) {
            (true, _) => ptr::null(),
            (false, true) => state::nowhere(),
            (false, false) => self.pointers.as_ptr(),
        }
    }

    /// The error of the array.
    fn errors(&self) -> Option<i32> {
        let null_array = self.null && self.n_iocbs > 0;
        (null_array || self.targets.contains(&None)).then_some(-libc::EFAULT)
    }
}

/// An error is one of the arguments' own; a success filled what the model fills.
fn judge(
    function: &'static str,
    answer: i32,
    errors: &[i32],
    request: Option<&Request>,
    slots: &Slots,
    state: &mut State,
) -> Answered {
    if !errors.is_empty() {
        assert!(
            errors.contains(&answer),
            "{function} answers {answer}, not one of {errors:?}: {request:?}"
        );
        return (function, answer);
    }
    let request = request.expect("no errors, so there is a transfer");
    let count = if slots.null { 0 } else { request.count(slots.n_iocbs) };
    assert_eq!(answer, count as i32, "{function}: {request:?} with room for {}", slots.n_iocbs);
    for (k, target) in slots.targets.iter().take(count).enumerate() {
        let iocb = &mut state.iocbs[target.expect("no errors, so none is null")];
        assert!(request.holds(iocb.object()), "{function}: outside the transfer: {request:?}");
        iocb.expect(0, &request.iocb(k));
    }
    (function, answer)
}

pub fn batch(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let transfer = &state.transfers[input.choose_index(state.transfers.len())?];
    let null = input.ratio(1, 16)?;
    let fields = Transfer::from_bytes(transfer.object());
    let request = Request {
        transfer: fields,
        block_size: block_size(fields.num_bytes, input)?,
        position: match input.int_in_range(0_u8..=3)? {
            0 => awkward(input)?,
            1 => fields.num_bytes.wrapping_add(input.int_in_range(-1..=1)?),
            _ => modest(input, fields.num_bytes.max(0))?,
        },
        read_op: input.arbitrary()?,
    };
    let mut errors = request.errors();
    if null {
        errors.push(-libc::EFAULT);
    }
    let slots = Slots::new(errors.is_empty().then_some(&request), state, input)?;
    errors.extend(slots.errors());
    // SAFETY: null, or valid for as long as the header asks.
    let answer = unsafe {
        api::dsaio_prep_batch(
            if null { ptr::null() } else { transfer.pointer() },
            request.read_op,
            request.block_size,
            request.position,
            slots.pointer(),
            slots.n_iocbs,
        )
    };
    Ok(judge("dsaio_prep_batch", answer, &errors, Some(&request), &slots, state))
}

/// Mostly one that makes a few blocks of the transfer.
fn block_size(num_bytes: i64, input: &mut Unstructured) -> Result<u64> {
    Ok(match input.int_in_range(0_u8..=5)? {
        0 => awkward(input)? as u64,
        1 => 0,
        2 => (num_bytes as u64).wrapping_add(input.int_in_range(0..=2)?).wrapping_sub(1),
        _ => num_bytes.max(1) as u64 / input.int_in_range(1..=MOST_SLOTS as u64 + 2)? + 1,
    })
}

pub fn generator_init(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let index = input.choose_index(state.generators.len())?;
    let nulls = input.int_in_range(0_u8..=15)?;
    let generator = &state.generators[index];
    // A generator begins with its transfer: one may be made anew from its own.
    let transfer = match input.ratio(1, 8)? {
        true => generator,
        false => &state.transfers[input.choose_index(state.transfers.len())?],
    };
    let fields = Transfer::from_bytes(transfer.object());
    let request = Request {
        transfer: fields,
        block_size: block_size(fields.num_bytes, input)?,
        position: 0,
        read_op: input.arbitrary()?,
    };
    let mut errors = request.errors();
    if nulls < 2 {
        errors.push(-libc::EFAULT);
    }
    // SAFETY: null, or valid.
    let answer = unsafe {
        api::dsaio_generator_init(
            if nulls == 0 { ptr::null_mut() } else { generator.pointer() },
            if nulls == 1 { ptr::null() } else { transfer.pointer() },
            request.read_op,
            request.block_size,
        )
    };
    let function = "dsaio_generator_init";
    if errors.is_empty() {
        assert_eq!(answer, 0, "{function}: {request:?}");
        expect_generator(state, index, &request);
    } else {
        assert!(errors.contains(&answer), "{function}: {answer}, not of {errors:?}: {request:?}");
    }
    Ok((function, answer))
}

fn expect_generator(state: &mut State, index: usize, request: &Request) {
    let generator = &mut state.generators[index];
    generator.expect(0, &request.to_generator());
    generator.expect_anything(4..8);
    generator.expect_anything(57..64);
}

pub fn generator_prep(state: &mut State, input: &mut Unstructured) -> Result<Answered> {
    let index = input.choose_index(state.generators.len())?;
    let null = input.ratio(1, 16)?;
    let generator = &state.generators[index];
    let request = Request::from_generator(generator.object());
    let read_op = generator.object()[56];
    let mut errors = request.errors();
    if null {
        errors.push(-libc::EFAULT);
    }
    let slots = Slots::new(errors.is_empty().then_some(&request), state, input)?;
    errors.extend(slots.errors());
    let pointer = if null { ptr::null_mut() } else { generator.pointer() };
    // SAFETY: null, or valid for as long as the header asks.
    let answer = unsafe { api::dsaio_generator_prep(pointer, slots.pointer(), slots.n_iocbs) };
    let answered = judge("dsaio_generator_prep", answer, &errors, Some(&request), &slots, state);
    if answer >= 0 {
        let position = request.position_after(answer as usize);
        expect_generator(state, index, &Request { position, ..request });
        // Whatever stands for true stays what it was.
        state.generators[index].expect(56, &[read_op]);
    }
    Ok(answered)
}
