//! A kernel that does what a script says, and watches what it is asked to do.

use super::causes::Causes;
use super::limits::Limits;
use super::model::{Model, Span};
use super::script::{Answer, Cursor, Reap, Request, Script, Submit};
use crate::engine::alignment::Alignment;
use crate::engine::error::Cause;
use crate::engine::middle::BOUNCE_BYTES;
use crate::engine::schedule::Failure;
use crate::engine::system::{Dio, Errno, System, Via};
use crate::engine::transfer_loop::Job;
use crate::iocb::{Iocb, Operation};
use std::collections::BTreeSet;
use std::ops::Range;

/// A request in flight.
struct Flying {
    slot: usize,
    span: Span,
    request: Request,
    /// The answer to a request that has been carried out already.
    result: Option<i64>,
}

pub(super) struct Scripted<'a> {
    script: &'a Script,
    model: Model,
    prepared: Vec<Option<Iocb>>,
    flying: Vec<Flying>,
    broken: bool,
    abandoned: bool,
    opened: bool,
    /// The memory that check_memory() has seen.
    checked: Range<u64>,
    /// What dio() has said.
    told: Option<Alignment>,
    /// Where requests ended that moved fewer bytes than asked: what is left may not be aligned.
    short_ends: Vec<u64>,
    causes: Causes,
    /// Whether the loop may still be busy with answers.
    in_batch: bool,
    limits: Limits,
    submits: Cursor<'a, Submit>,
    requests: Cursor<'a, Request>,
    reaps: Cursor<'a, Reap>,
    moves: Cursor<'a, Answer>,
    opens: Cursor<'a, i32>,
    flushes: Cursor<'a, i32>,
    /// What happened, so that it can be seen that scripts make everything happen.
    pub seen: BTreeSet<&'static str>,
}

impl<'a> Scripted<'a> {
    pub fn new(script: &'a Script) -> Self {
        Scripted {
            script,
            model: Model::new(script),
            prepared: vec![None; script.capacity],
            flying: Vec::new(),
            broken: false,
            abandoned: false,
            opened: false,
            checked: 0..0,
            told: None,
            short_ends: Vec::new(),
            causes: Causes::new(),
            in_batch: false,
            limits: Limits::new(script),
            submits: Cursor::new(&script.submits),
            requests: Cursor::new(&script.requests),
            reaps: Cursor::new(&script.reaps),
            moves: Cursor::new(&script.moves),
            opens: Cursor::new(&script.opens),
            flushes: Cursor::new(&script.flushes),
            seen: BTreeSet::new(),
        }
    }

    pub fn job(&self) -> Job {
        let &Script { operation, num_bytes, block_size, .. } = self.script;
        let &Script { single_submit, overlap, timed, .. } = self.script;
        let start = self.script.start();
        Job { operation, fd: 3, start, num_bytes, block_size, single_submit, overlap, timed }
    }

    /// Panics where the loop has not done what it must.
    pub fn check(&mut self, outcome: Result<(), Failure>) {
        assert!(self.flying.is_empty(), "requests are in flight at the end");
        assert!(!self.broken || self.abandoned, "the queue broke, and was not given up");
        let (moved, how) = match outcome {
            Ok(()) => (self.script.num_bytes, "Ok"),
            Err(failure) => {
                self.causes.check(failure);
                assert!(failure.at < self.script.num_bytes, "{failure:?} is outside");
                let how = match failure.cause {
                    Cause::Os(libc::EAGAIN) => "EAGAIN",
                    Cause::Os(libc::EINVAL) => "EINVAL",
                    Cause::Os(_) => "another errno",
                    Cause::NoProgress => "NoProgress",
                    Cause::SecondDescriptor(_) => "SecondDescriptor",
                    Cause::Append => "Append",
                    Cause::Prepare(_) => unreachable!("that is found before"),
                };
                (failure.at, how)
            }
        };
        self.model.check_moved(moved);
        self.model.check_on_device(moved);
        self.seen.insert(how);
    }

    fn check_queue(&self) {
        assert!(!self.broken && !self.abandoned, "the queue is broken, and is used again");
    }

    /// A request for these bytes.
    fn span(&self, file_offset: i64, address: u64, len: u64) -> Span {
        assert!(len > 0, "a request of 0 bytes");
        self.model.check_place(address, len);
        let span = Span { at: self.model.at(file_offset, len), address, len };
        self.causes.check_request(span);
        span
    }

    fn is_aligned(&self, span: Span, alignment: Alignment) -> bool {
        let offset = self.script.file_offset as u64 + span.at;
        offset % alignment.file == 0
            && span.len % alignment.file == 0
            && span.address % alignment.memory == 0
    }

    /// A request by the caller's descriptor keeps to the alignment, once the loop knows it.
    fn check_aligned(&self, span: Span) {
        let known = self.told.filter(|told| told.file > 0);
        if let Some(known) = known.filter(|_| !self.short_ends.contains(&span.at)) {
            assert!(self.is_aligned(span, known), "{span:?} is not aligned to {known:?}");
        }
    }

    /// Carries out a request; the answer as an event has it.
    fn carry(&mut self, via: Via, span: Span, answer: Answer) -> i64 {
        let flags = self.script.flags.expect("nothing moves where the flags are not known");
        assert_eq!(self.script.permits(flags), Ok(()), "bytes are moved all the same");
        let direct = via == Via::AsOpened && self.script.direct();
        if direct && !self.is_aligned(span, self.script.wants) {
            self.seen.insert("not aligned");
            return -i64::from(libc::EINVAL);
        }
        let most = match answer {
            Answer::Whole | Answer::Over(_) => u64::MAX,
            Answer::AtMost(most) => most,
            Answer::Errno(_) | Answer::Raw(_) => span.len / 2,
        };
        let moved = self.model.carry(span, most);
        if via == Via::PageCache && self.script.operation == Operation::Write && moved > 0 {
            self.model.set_cached(span.at, moved as u64, true);
        }
        match answer {
            Answer::Whole | Answer::AtMost(_) => moved,
            Answer::Over(more) => (span.len + more) as i64,
            Answer::Errno(errno) => -i64::from(errno),
            Answer::Raw(result) => result,
        }
    }

    /// Notes what an answer allows the loop to report, and what it leaves.
    fn note(&mut self, via: Via, span: Span, result: i64) {
        self.causes.result(via, self.script.direct(), span, result);
        if (1..span.len as i64).contains(&result) {
            self.short_ends.push(span.at + result as u64);
        }
    }

    fn start(&mut self, slot: usize) {
        let iocb = self.prepared[slot].take().expect("a slot is submitted that was not prepared");
        assert!(!self.is_flying(slot), "slot {slot} is submitted twice");
        let opcode = i16::from(self.script.operation == Operation::Write);
        assert_eq!((iocb.fd(), iocb.opcode()), (3, opcode));
        let span = self.span(iocb.file_offset(), iocb.buffer(), iocb.num_bytes());
        assert!(self.model.slot_of(span.address).is_none_or(|of| of == slot), "another's buffer");
        self.check_aligned(span);
        let plain = Request { rank: 0, early: false, answer: Answer::Whole };
        let request = self.requests.next().unwrap_or(plain);
        let early = request.early && self.script.operation == Operation::Write;
        let result = early.then(|| self.carry(Via::AsOpened, span, request.answer));
        self.flying.push(Flying { slot, span, request, result });
    }

    /// Answers the request that is next.
    fn finish(&mut self) -> Option<(usize, i64)> {
        let ranks = self.flying.iter().enumerate();
        let (index, _) = ranks.min_by_key(|(_, flying)| flying.request.rank)?;
        let Flying { slot, span, request, result } = self.flying.remove(index);
        let result = result.unwrap_or_else(|| self.carry(Via::AsOpened, span, request.answer));
        // After these the request is made again.
        if ![-i64::from(libc::EINTR), -i64::from(libc::EAGAIN)].contains(&result) {
            self.note(Via::AsOpened, span, result);
        }
        Some((slot, result))
    }

    /// The answer of a call that is made once.
    fn answer(&mut self, errno: i32) -> Result<(), Errno> {
        if errno != 0 {
            self.causes.add(None, Cause::Os(errno));
            return Err(errno);
        }
        Ok(())
    }

    fn is_flying(&self, slot: usize) -> bool {
        self.flying.iter().any(|flying| flying.slot == slot)
    }
}

impl System for Scripted<'_> {
    fn capacity(&self) -> usize {
        if self.abandoned { 0 } else { self.script.capacity }
    }

    fn prepare(&mut self, slot: usize, iocb: Iocb) {
        self.check_queue();
        assert!(!self.is_flying(slot), "slot {slot} is prepared while it is in flight");
        self.prepared[slot] = Some(iocb);
    }

    fn submit(&mut self, slots: &[usize]) -> Result<usize, Errno> {
        self.limits.call();
        self.check_queue();
        self.in_batch = false;
        self.causes.are_known();
        assert!(!slots.is_empty() && (slots.len() == 1 || !self.script.single_submit));
        let result = match self.submits.next() {
            None => Ok(slots.len()),
            Some(Submit::Accept(count)) => Ok(count),
            Some(Submit::Refuse(errno)) => Err(errno),
        };
        let accepted = result.map_or(0, |count| count.min(slots.len()));
        slots[..accepted].iter().for_each(|&slot| self.start(slot));
        self.limits.submitted(accepted);
        result
    }

    fn reap(&mut self, min: usize, answers: &mut Vec<(usize, i64)>) -> Result<(), Errno> {
        self.limits.call();
        self.check_queue();
        assert!(min >= 1 && min <= self.flying.len(), "this waits for ever: {min}");
        let (count, stray) = match self.reaps.next() {
            None => (min, None),
            Some(Reap::Events(count)) => (count, None),
            Some(Reap::Stray(slot, result)) => (min, Some((slot, result))),
            Some(Reap::Fail(errno)) => {
                self.broken = errno != libc::EINTR;
                return Err(errno);
            }
        };
        self.in_batch = true;
        answers.extend(stray.filter(|&(slot, _)| !self.is_flying(slot)));
        answers.extend((0..count).map_while(|_| self.finish()));
        answers.extend(stray.filter(|&(slot, _)| !self.is_flying(slot)));
        Ok(())
    }

    fn abandon(&mut self) {
        self.abandoned = true;
        self.seen.insert("abandoned");
        // Of these nobody learns the answer.
        for Flying { span, request, result, .. } in std::mem::take(&mut self.flying) {
            result.unwrap_or_else(|| self.carry(Via::AsOpened, span, request.answer));
        }
    }

    fn flags(&mut self) -> Result<i32, Errno> {
        let flags =
            self.script.flags.inspect_err(|&errno| self.causes.add(Some(0), Cause::Os(errno)))?;
        if let Err(cause) = self.script.permits(flags) {
            self.causes.add(Some(0), cause);
        }
        Ok(flags)
    }

    fn dio(&mut self) -> Result<Dio, Errno> {
        if self.script.direct() {
            self.told = self.script.told;
        }
        Ok(Dio { alignment: self.script.told, page: self.script.page })
    }

    fn open_again(&mut self) -> Result<(), Errno> {
        assert!(self.script.direct(), "there is nothing that a second descriptor could do");
        if !self.opened {
            self.limits.call();
            match self.opens.next() {
                None | Some(0) => self.opened = true,
                Some(errno) => {
                    self.causes.errno(None, errno, Cause::SecondDescriptor(errno));
                    return Err(errno);
                }
            }
        }
        Ok(())
    }

    fn move_at(
        &mut self,
        via: Via,
        operation: Operation,
        file_offset: i64,
        address: u64,
        num_bytes: u64,
    ) -> Result<u64, Errno> {
        self.limits.call();
        assert_eq!(operation, self.script.operation);
        if via == Via::PageCache || !self.in_batch {
            self.causes.are_known();
        }
        let span = self.span(file_offset, address, num_bytes);
        match via {
            Via::AsOpened => {
                self.check_aligned(span);
                self.seen.insert("without the queue");
            }
            Via::PageCache => {
                assert!(self.opened, "the second descriptor is not open");
                self.seen.insert("page cache");
            }
        }
        let in_use = self.model.slot_of(address).is_some_and(|slot| self.is_flying(slot));
        assert!(!in_use, "the buffer of a request in flight is used");
        let answer = self.moves.next().unwrap_or(Answer::Whole);
        let result = self.carry(via, span, answer);
        self.note(via, span, result);
        if result < 0 { Err(-result as Errno) } else { Ok(result as u64) }
    }

    fn flush(&mut self, file_offset: i64, num_bytes: u64) -> Result<(), Errno> {
        self.limits.call();
        assert!(self.opened && self.script.operation == Operation::Write);
        let at = self.model.at(file_offset, num_bytes);
        match self.flushes.next() {
            None | Some(0) => {
                self.model.set_cached(at, num_bytes, false);
                self.seen.insert("flushed");
                Ok(())
            }
            Some(errno) => {
                self.causes.errno(Some(at), errno, Cause::Os(errno));
                Err(errno)
            }
        }
    }

    fn pause(&mut self) {
        self.limits.pause();
        self.seen.insert("paused");
    }

    fn check_memory(&mut self, _: Operation, address: u64, num_bytes: u64) -> Result<(), Errno> {
        self.model.check_place(address, num_bytes);
        self.answer(self.script.check_memory)?;
        self.checked = address..address + num_bytes;
        Ok(())
    }

    fn reserve_bounce(&mut self, slots: usize, num_bytes: u64) -> Result<(), Errno> {
        assert!(self.flying.is_empty());
        assert!(slots == 1 || slots as u64 * num_bytes <= BOUNCE_BYTES, "too much memory");
        self.answer(self.script.reserve_bounce)?;
        let alignment = self.script.wants.memory.max(self.told.map_or(1, |told| told.memory));
        self.model.reserve(slots, num_bytes, alignment);
        Ok(())
    }

    fn bounce(&self, slot: usize) -> u64 {
        self.model.bounce(slot)
    }

    fn copy(&mut self, from: u64, to: u64, num_bytes: u64) {
        for slot in [from, to].into_iter().filter_map(|address| self.model.slot_of(address)) {
            assert!(!self.is_flying(slot), "the buffer of a request in flight is used");
        }
        let memory = if self.model.slot_of(from).is_some() { to } else { from };
        let checked = self.checked.start <= memory && memory + num_bytes <= self.checked.end;
        assert!(checked, "memory is copied that may not be mapped");
        self.seen.insert("bounced");
        self.model.copy(from, to, num_bytes);
    }
}
