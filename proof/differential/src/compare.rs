//! Runs the same case on both libraries and compares everything that can be seen.

use crate::case::{Call, Case, Iocbs};
use crate::child::{self, Stderr};
use crate::contract::{self, Verdict};
use crate::library::Library;
use crate::objects::{Objects, SLOTS};

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub cases: u64,
    pub calls: u64,
    pub iocbs: u64,
    /// Calls in which ours keeps inside the transfer and the original does not.
    pub d1: u64,
    /// Calls that end the process.
    pub aborts: u64,
}

pub struct Pair<'a> {
    pub original: &'a Library,
    pub ours: &'a Library,
}

type Outcome<T> = Result<T, String>;

impl Pair<'_> {
    /// # Errors
    ///
    /// Where the libraries differ, in a sentence.
    pub fn compare(&self, case: &Case, tally: &mut Tally) -> Outcome<()> {
        let mut both = Both {
            case,
            theirs: Objects::new(self.original, case),
            mine: Objects::new(self.ours, case),
            has_generator: false,
        };
        both.same_transfer()?;
        tally.cases += 1;
        for (index, call) in case.calls.iter().enumerate() {
            let goes_on =
                both.step(call, tally).map_err(|what| format!("calls[{index}]: {what}"))?;
            both.same_transfer()?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

struct Both<'a> {
    case: &'a Case,
    theirs: Box<Objects<'a>>,
    mine: Box<Objects<'a>>,
    has_generator: bool,
}

impl Both<'_> {
    /// Makes one call on both sides. Whether there can be another.
    fn step(&mut self, call: &Call, tally: &mut Tally) -> Outcome<bool> {
        tally.calls += 1;
        match *call {
            Call::Batch { n_iocbs, num_bytes, iocbs, .. } => {
                let case = self.case;
                let verdict =
                    contract::batch(case.has_transfer, case.block_size, n_iocbs, num_bytes, iocbs);
                if self.aborts(verdict, tally, |objects| {
                    call_batch(objects, case, call);
                })? {
                    return Ok(false);
                }
                self.batch(call, verdict == Verdict::D1, tally)?;
            }
            Call::Generator { n_iocbs, iocbs } => {
                if !self.has_generator && !self.construct(tally)? {
                    return Ok(false);
                }
                let verdict = contract::generator(
                    self.mine.remaining_bytes(),
                    self.mine.remaining_blocks(),
                    n_iocbs,
                    iocbs,
                );
                if self.aborts(verdict, tally, |objects| {
                    objects.call_generator(n_iocbs, iocbs);
                })? {
                    return Ok(false);
                }
                self.generator(n_iocbs, iocbs, tally)?;
            }
        }
        Ok(true)
    }

    fn construct(&mut self, tally: &mut Tally) -> Outcome<bool> {
        let case = self.case;
        let verdict =
            contract::new_generator(case.has_transfer, case.transfer.num_bytes, case.block_size);
        let construct =
            |objects: &mut Objects| objects.new_generator(case.read_op, case.block_size);
        if self.aborts(verdict, tally, construct)? {
            return Ok(false);
        }
        construct(&mut self.theirs);
        construct(&mut self.mine);
        self.has_generator = true;
        self.same_generator().map_err(|what| format!("after the constructor {what}"))?;
        Ok(true)
    }

    fn generator(&mut self, n_iocbs: i32, iocbs: Iocbs, tally: &mut Tally) -> Outcome<()> {
        let theirs = self.theirs.call_generator(n_iocbs, iocbs);
        let mine = self.mine.call_generator(n_iocbs, iocbs);
        tally.iocbs += u64::try_from(mine.0).unwrap_or(0).min(iocbs.len() as u64);
        same("the return value", &theirs.0, &mine.0)?;
        same("errno", &theirs.1, &mine.1)?;
        self.same_iocbs()?;
        self.same_generator()
    }

    fn batch(&mut self, call: &Call, d1: bool, tally: &mut Tally) -> Outcome<()> {
        let Call::Batch { n_iocbs, start_offset, .. } = *call else { unreachable!() };
        let theirs = call_batch(&mut self.theirs, self.case, call);
        let mine = call_batch(&mut self.mine, self.case, call);
        tally.iocbs += u64::from(n_iocbs.unsigned_abs());
        if d1 {
            tally.d1 += 1;
            let Case { transfer, block_size, .. } = self.case;
            for index in 0..n_iocbs as usize {
                let length = contract::d1_length(transfer, *block_size, start_offset, index);
                self.theirs.set_iocb_length(index, length);
            }
        }
        same("errno", &theirs, &mine)?;
        self.same_iocbs()?;
        let (theirs, mine) = (self.theirs.context_seen(), self.mine.context_seen());
        same("the context's bytes", &theirs.0.0, &mine.0.0)?;
        same("whether the context's pointers are those it was given", &theirs.1, &mine.1)
    }

    /// Where the verdict is an abort: both abort, or ours alone, each in a child.
    fn aborts(
        &mut self,
        verdict: Verdict,
        tally: &mut Tally,
        act: impl Fn(&mut Objects),
    ) -> Outcome<bool> {
        if !matches!(verdict, Verdict::BothAbort | Verdict::OursAborts) {
            return Ok(false);
        }
        tally.aborts += 1;
        if verdict == Verdict::BothAbort {
            let ended = child::run(Stderr::Captured, |_| act(&mut self.theirs));
            if !matches!(ended.signal, Some(libc::SIGABRT | libc::SIGSEGV)) {
                return Err(format!(
                    "the original survives what should end it: {:?}",
                    ended.signal
                ));
            }
        }
        let ended = child::run(Stderr::Captured, |_| act(&mut self.mine));
        if ended.signal != Some(libc::SIGABRT) {
            return Err(format!("ours should abort and ends with {:?}", ended.signal));
        }
        let lines = ended.output.split_inclusive('\n');
        // Where qemu-user runs this, it adds a line.
        let lines: Vec<_> = lines.filter(|line| !line.starts_with("qemu: ")).collect();
        match lines[..] {
            [line] if line.starts_with("deepspeed_aio_utils: io_prep_") && line.ends_with('\n') => {
                Ok(true)
            }
            _ => Err(format!("ours should write one line, and writes {:?}", ended.output)),
        }
    }

    fn same_transfer(&self) -> Outcome<()> {
        same("the transfer's bytes", &self.theirs.xfer().0, &self.mine.xfer().0)
    }

    fn same_generator(&self) -> Outcome<()> {
        let (theirs, mine) = (self.theirs.generator_seen(), self.mine.generator_seen());
        same("the generator's bytes", &theirs.0.0, &mine.0.0)?;
        same("whether the generator's pointer is the one it was given", &theirs.1, &mine.1)
    }

    fn same_iocbs(&self) -> Outcome<()> {
        if self.theirs.iocbs_equal(&self.mine) {
            return Ok(());
        }
        for index in 0..SLOTS {
            same(&format!("iocb {index}"), self.theirs.iocb(index), self.mine.iocb(index))?;
        }
        unreachable!("some iocb differs")
    }
}

fn call_batch(objects: &mut Objects, case: &Case, call: &Call) -> i32 {
    let Call::Batch { n_iocbs, num_bytes, start_buffer, start_offset, iocbs } = *call else {
        unreachable!()
    };
    objects.call_batch(
        case.read_op,
        case.block_size,
        n_iocbs,
        num_bytes,
        start_buffer,
        start_offset,
        iocbs,
    )
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, theirs: &T, mine: &T) -> Outcome<()> {
    if theirs == mine {
        return Ok(());
    }
    Err(format!("{what}: the original {theirs:?}, ours {mine:?}"))
}
