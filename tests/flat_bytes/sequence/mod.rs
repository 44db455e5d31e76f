//! Raw bytes become a sequence of calls of the flat C API, each checked in full: the answer against
//! a model, and every byte of every buffer, those around it included, against what it must be now.
//!
//! Shared by `tests/flat_bytes` (random bytes, every `make test`) and `fuzz/` (bytes that libFuzzer
//! finds by coverage, under AddressSanitizer).

mod api;
mod buffers;
mod calls;
mod memory;
mod model;
mod numbers;
mod preparation;
mod sizes;
mod world;

use arbitrary::Unstructured;
use std::collections::BTreeMap;

/// How often each function gave each answer. A count of requests counts as 1.
pub type Answers = BTreeMap<(&'static str, i32), u64>;

/// Makes the calls that `bytes` describe. Panics where one is not as it must be.
pub fn run(bytes: &[u8], answers: &mut Answers) {
    let mut input = Unstructured::new(bytes);
    let Ok(mut world) = world::World::new(&mut input) else { return };
    while !input.is_empty() {
        let Ok((function, answer)) = calls::next(&mut world, &mut input) else { break };
        world.check(function);
        *answers.entry((function, answer.min(1))).or_default() += 1;
    }
    world.release_all();
}
