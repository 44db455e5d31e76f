//! Recorders: failures that wait until the program takes them, in place of a line and an abort.
//!
//! DeepSpeed constructs all contexts of a handle on the thread that constructs the handle. A thread
//! that enters a recorder before and leaves it after therefore gets the failures of that handle and of
//! no other, whichever threads the transfers run on.
#![forbid(unsafe_code)]

use crate::diagnostics;
use dsaio::Operation;
use dsaio::engine::TransferError;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// What went wrong, as a sentence and in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The errno, positive.
    pub(crate) errno: i32,
    pub(crate) operation: Operation,
    /// As it was opened, or as the kernel names the open file.
    pub(crate) path: PathBuf,
    pub(crate) file_offset: i64,
    pub(crate) num_bytes: i64,
    /// How many of the bytes moved before the failure.
    pub(crate) moved: i64,
    pub(crate) message: String,
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        Failure {
            errno: error.errno(),
            operation: error.operation(),
            path: error.path().to_owned(),
            file_offset: error.file_offset(),
            num_bytes: error.num_bytes(),
            moved: error.moved(),
            message: error.to_string(),
        }
    }
}

impl Failure {
    /// Records the failure, or writes it to stderr and aborts where nobody would read it.
    pub(crate) fn report(self, recorder: Option<&Recorder>) {
        let unread = match recorder {
            Some(recorder) => recorder.record(self),
            None => Err(self),
        };
        if let Err(failure) = unread {
            diagnostics::abort(failure.message);
        }
    }
}

/// Failures in the order in which they happened.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: VecDeque<Failure>,
    /// The oldest that was not taken: the contexts of one handle all say the same.
    notice: Option<String>,
    /// What open_file() opened, where somebody wants to know.
    files: Option<VecDeque<c_int>>,
    closed: bool,
}

thread_local! {
    /// The recorders that this thread has entered, the current one last.
    static ENTERED: RefCell<Vec<Arc<Recorder>>> = const { RefCell::new(Vec::new()) };
}

impl Recorder {
    /// Adds a failure.
    ///
    /// # Errors
    ///
    /// The failure, where the recorder is closed.
    pub(crate) fn record(&self, failure: Failure) -> Result<(), Failure> {
        let mut state = self.state();
        if state.closed {
            return Err(failure);
        }
        state.failures.push_back(failure);
        Ok(())
    }

    /// Takes the oldest failure.
    pub(crate) fn next(&self) -> Option<Failure> {
        self.state().failures.pop_front()
    }

    /// Records what the program should know though nothing failed.
    pub(crate) fn record_notice(&self, text: &str) {
        self.state().notice.get_or_insert_with(|| text.to_owned());
    }

    /// Takes the notice.
    pub(crate) fn notice(&self) -> Option<String> {
        self.state().notice.take()
    }

    /// From now on files that are opened are kept.
    pub(crate) fn keep_files(&self) {
        self.state().files.get_or_insert_default();
    }

    /// Keeps the number of a file that was opened, if files are kept.
    pub(crate) fn opened(&self, fd: c_int) {
        if let Some(files) = &mut self.state().files {
            files.push_back(fd);
        }
    }

    /// Takes the oldest file.
    pub(crate) fn next_file(&self) -> Option<c_int> {
        self.state().files.as_mut()?.pop_front()
    }

    /// From now on nobody reads what is recorded. Returns what is there and was not read.
    pub(crate) fn close(&self) -> VecDeque<Failure> {
        let mut state = self.state();
        state.closed = true;
        std::mem::take(&mut state.failures)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Makes a recorder the calling thread's current one.
pub(crate) fn enter(recorder: Arc<Recorder>) {
    ENTERED.with_borrow_mut(|entered| entered.push(recorder));
}

/// Makes the recorder that was current before `recorder` the current one again; false, with nothing
/// changed, where `recorder` is not current.
pub(crate) fn leave(recorder: &Arc<Recorder>) -> bool {
    ENTERED.with_borrow_mut(|entered| {
        let current = entered.last().is_some_and(|last| Arc::ptr_eq(last, recorder));
        if current {
            entered.pop();
        }
        current
    })
}

/// The recorder that the calling thread entered last and has not left.
pub(crate) fn current() -> Option<Arc<Recorder>> {
    // A thread that ends may have dropped its list, and runs destructors of the program's still.
    ENTERED.try_with(|entered| entered.borrow().last().cloned()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn failure(errno: i32) -> Failure {
        Failure {
            errno,
            operation: Operation::Write,
            path: "/file".into(),
            file_offset: 0,
            num_bytes: 4096,
            moved: 0,
            message: "no".to_owned(),
        }
    }

    #[test]
    fn failures_come_once_and_oldest_first() {
        let recorder = Recorder::default();
        failure(1).report(Some(&recorder));
        failure(2).report(Some(&recorder));
        assert_eq!(recorder.next(), Some(failure(1)));
        failure(3).report(Some(&recorder));
        assert_eq!(recorder.next(), Some(failure(2)));
        assert_eq!(recorder.next(), Some(failure(3)));
        assert_eq!(recorder.next(), None);
    }

    #[test]
    fn files_are_kept_from_when_they_are_asked_for() {
        let recorder = Recorder::default();
        recorder.opened(3);
        assert_eq!(recorder.next_file(), None);
        recorder.keep_files();
        recorder.opened(4);
        recorder.keep_files();
        recorder.opened(5);
        assert_eq!(recorder.next_file(), Some(4));
        assert_eq!(recorder.next_file(), Some(5));
        assert_eq!(recorder.next_file(), None);
    }

    #[test]
    fn a_closed_recorder_takes_nothing_and_returns_what_was_not_read() {
        let recorder = Recorder::default();
        failure(1).report(Some(&recorder));
        assert_eq!(recorder.close(), [failure(1)]);
        assert_eq!(recorder.record(failure(2)), Err(failure(2)));
        assert_eq!(recorder.next(), None);
    }

    #[test]
    fn recorders_nest_on_one_thread_and_are_unknown_to_others() {
        let is_current = |recorder| current().is_some_and(|it| Arc::ptr_eq(&it, recorder));
        let (outer, inner) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
        assert!(!leave(&outer));
        enter(outer.clone());
        enter(inner.clone());
        assert!(is_current(&inner));
        assert!(!leave(&outer), "the inner one is current");
        assert!(thread::spawn(|| current().is_none()).join().unwrap());
        assert!(leave(&inner));
        assert!(is_current(&outer));
        assert!(leave(&outer));
        assert!(current().is_none());
    }

    #[test]
    fn threads_record_at_once_and_nothing_is_lost() {
        let recorder = Recorder::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|n| failure(n).report(Some(&recorder))));
            }
        });
        assert_eq!(std::iter::from_fn(|| recorder.next()).count(), 4000);
    }
}
