//! The loop ends: it makes few enough calls, and waits for a while only.

use super::script::Script;
use crate::engine::transfer_loop::ATTEMPTS;

pub(super) struct Limits {
    /// System calls, without those after which the loop waited.
    calls: u64,
    most_calls: u64,
    pauses: u64,
    /// Whether the last call was a submit that accepted nothing.
    refused: bool,
    /// Pauses after such calls, since a request was accepted.
    refusals: u32,
}

impl Limits {
    pub fn new(script: &Script) -> Self {
        let blocks = script.num_bytes.div_ceil(script.block_size);
        let most_calls = 100 + 20 * (blocks + script.steps());
        Limits { calls: 0, most_calls, pauses: 0, refused: false, refusals: 0 }
    }

    pub fn call(&mut self) {
        self.calls += 1;
        self.refused = false;
        assert!(self.calls <= self.most_calls, "this does not end");
    }

    pub fn submitted(&mut self, accepted: usize) {
        self.refused = accepted == 0;
        if accepted > 0 {
            self.refusals = 0;
        }
    }

    pub fn pause(&mut self) {
        self.calls -= 1;
        self.pauses += 1;
        let most = u64::from(ATTEMPTS) * (self.calls + 1);
        assert!(self.pauses <= most, "this repeats a call for ever");
        if self.refused {
            self.refusals += 1;
            let most = 4 * ATTEMPTS; // once for each way to move a transfer
            assert!(self.refusals <= most, "this waits again for a queue that accepts nothing");
        }
    }
}
