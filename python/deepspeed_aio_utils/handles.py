"""async_io's `aio_handle`, `aio_read` and `aio_write`, with failed transfers as exceptions."""

from __future__ import annotations

import atexit
import errno
import functools
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from .descriptor_leak import wait_leaks_files
from .errors import TransferError
from .recorder import Recorder
from .transfer_call import FUNCTIONS, METHODS, TransferCall


class _Transfers:
    """The transfers of one handle: how many have not been waited for, and their failures."""

    def __init__(self) -> None:
        # Where DeepSpeed's wait() does not close the files of transfers, it is done here.
        self._leaks = wait_leaks_files()
        self._files: list[int] = []
        self.recorder = Recorder(keep_files=self._leaks)
        # A call and the failures that it learns of belong together, whatever other threads do.
        self.lock = threading.RLock()
        self.pending = 0
        self.threads = 1
        # Where the handle's locked tensors begin, for older releases, which have no is_pinned().
        self.locked: set[int] = set()
        # Taken from the recorder by a call that Ctrl-C ended before it could raise them.
        self._failures: list[TransferError] = []
        # Whether a transfer of DeepSpeed's raised (a GPU without memory for what was read, say). It may
        # have lost count of what is pending, and then waits forever.
        self.lost = False

    def call(self, call: TransferCall, method: Callable[..., int], handle: Any, args: Any, named: Any) -> int:
        """The method's result, or a TransferError once nothing is pending."""
        self.check_process()
        with self.lock:
            problem = call.problem(args, named, self.threads, lambda buffer: self._is_locked(handle, buffer))
            result = -1
            if problem is None:
                try:
                    result = self._counted(call, method, handle, args, named)
                finally:
                    # After Ctrl-C too. Calls that are not parallel close what they open.
                    opened = self.recorder.take_files() if self._leaks else []
                    self._files += opened if call.parallel else []
            if result == 0 and call.parallel:  # submitted; wait() will say whether it failed
                return result
            if result > 0:  # DeepSpeed waited for everything that was pending
                self._nothing_is_pending()
            self._failures += self.recorder.take()
            if result == -1 or self._failures:
                self.wait(handle)
                failures = self.take()
                failures += [problem] if problem is not None else []
                _raise(failures or [_unexplained(call, args, named)])
            return result

    def _is_locked(self, handle: Any, buffer: Any) -> bool:
        original = type(handle)._dsaio_original
        if hasattr(original, "is_pinned"):
            return bool(original.is_pinned(handle, buffer))
        return buffer.device.type == "cpu" and (buffer.is_pinned() or buffer.data_ptr() in self.locked)

    def take(self) -> list[TransferError]:
        """The failures that no call has raised, oldest first."""
        failures, self._failures = self._failures + self.recorder.take(), []
        return failures

    def check_process(self) -> None:
        """RuntimeError in a child process, which does not have the threads of the handle."""
        if self.recorder.inherited:
            raise RuntimeError(
                "this aio_handle was made before fork(), and its threads are in the parent process; make one "
                "in this process"
            )

    def wait(self, handle: Any) -> int:
        """Waits for what is pending, and for nothing where nothing is: DeepSpeed would assert that. The
        number of transfers that were."""
        if self.pending == 0:
            return 0
        # First, because Ctrl-C during the call is raised when it has ended.
        self.pending = 0
        completed: int = type(handle)._dsaio_original.wait(handle)
        self._nothing_is_pending()
        return completed

    def _counted(
        self, call: TransferCall, method: Callable[..., int], handle: Any, args: Any, named: Any
    ) -> int:
        """The method's result, with `pending` as it is then, also where Ctrl-C is raised at its end."""
        before = self.pending
        if call.parallel:  # one that does not submit waits for everything
            self.pending = before + 1 if call.submits(args, named) else 0
        try:
            with self.recorder:
                result = method(handle, *args, **named)
        except Exception as error:
            self.pending = before
            self.lost |= not isinstance(error, TypeError)  # which is for wrong arguments
            raise
        if result == -1:  # neither submitted nor waited
            self.pending = before
        return result

    def _nothing_is_pending(self) -> None:
        self.pending = 0
        while self._files:
            os.close(self._files.pop())

    def finish(self, handle: Any) -> None:
        """Waits for what is pending, and prints the failures that nobody will take any more."""
        if self.recorder.inherited:
            return
        with self.lock:
            if not self.lost:
                self.wait(handle)
            for failure in self.take():
                print(f"deepspeed_aio_utils: {failure}", file=sys.stderr, flush=True)


def _unexplained(call: TransferCall, args: Any, named: Any) -> TransferError:
    return call.error(args, named, errno.EIO, "DeepSpeed did not say why; see its messages")


def _raise(failures: list[TransferError]) -> None:
    if failures:
        first, *others = failures
        first.others = tuple(others)
        raise first


def _warn(recorder: Recorder) -> None:
    notice = recorder.take_notice()
    if notice is not None:
        warnings.warn(notice, RuntimeWarning, stacklevel=3)


# By id(), because a handle of a derived class need not have a hash.
_alive: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


@atexit.register
def _finish_all() -> None:
    for handle in list(_alive.values()):
        handle._dsaio_transfers.finish(handle)


def raising_handle(original: Any) -> type:
    """A subclass of DeepSpeed's `aio_handle` that raises a TransferError where a transfer failed."""

    class Meta(type(original)):  # type: ignore[misc]
        # Handles that were made before, and classes derived from the original, are of this class, too.
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, original) if cls is handle else super().__instancecheck__(instance)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, original) if cls is handle else super().__subclasscheck__(other)

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        transfers = _Transfers()
        with transfers.recorder:
            original.__init__(self, *args, **named)
        transfers.threads = original.get_intra_op_parallelism(self)
        self._dsaio_transfers = transfers
        _alive[id(self)] = self
        _warn(transfers.recorder)

    def __del__(self: Any) -> None:
        # Before DeepSpeed's destructor, which asserts that nothing is pending.
        if hasattr(self, "_dsaio_transfers"):
            self._dsaio_transfers.finish(self)

    def wait(self: Any) -> int:
        transfers = self._dsaio_transfers
        transfers.check_process()
        with transfers.lock:
            completed: int = transfers.wait(self)
            _raise(transfers.take())
            return completed

    members: dict[str, Any] = {
        "_dsaio_original": original,
        "__init__": functools.wraps(original.__init__)(__init__),
        "__del__": __del__,
        "wait": functools.wraps(original.wait)(wait),
        **{name: _raising_method(getattr(original, name), call) for name, call in METHODS.items()},
        **{name: getattr(original, name) for name in ("__doc__", "__module__", "__qualname__")},
    }
    if not hasattr(original, "is_pinned"):
        members.update(_remembering_methods(original))
    handle = Meta(original.__name__, (original,), members)
    return handle


def _remembering_methods(original: Any) -> dict[str, Any]:
    """The methods that lock and free tensors, which keep `locked`."""

    @functools.wraps(original.new_cpu_locked_tensor)
    def new_cpu_locked_tensor(self: Any, *args: Any, **named: Any) -> Any:
        tensor = original.new_cpu_locked_tensor(self, *args, **named)
        self._dsaio_transfers.locked.add(tensor.data_ptr())
        return tensor

    @functools.wraps(original.free_cpu_locked_tensor)
    def free_cpu_locked_tensor(self: Any, *args: Any, **named: Any) -> Any:
        for tensor in (*args, *named.values()):
            if hasattr(tensor, "data_ptr"):
                # First, because another thread may lock a tensor at this address as soon as it is free.
                self._dsaio_transfers.locked.discard(tensor.data_ptr())
        return original.free_cpu_locked_tensor(self, *args, **named)

    return {method.__name__: method for method in (new_cpu_locked_tensor, free_cpu_locked_tensor)}


def _raising_method(original: Callable[..., int], call: TransferCall) -> Callable[..., int]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **named: Any) -> int:
        result: int = self._dsaio_transfers.call(call, original, self, args, named)
        return result

    return method


def _raising_function(original: Callable[..., int], call: TransferCall) -> Callable[..., int]:
    @functools.wraps(original)
    def function(*args: Any, **named: Any) -> int:
        problem = call.problem(args, named)
        _raise([problem] if problem is not None else [])
        # The call constructs a context of its own on this thread.
        recorder = Recorder()
        with recorder:
            result = original(*args, **named)
        _warn(recorder)
        failures = recorder.take()
        if result == -1 and not failures:
            failures = [_unexplained(call, args, named)]
        _raise(failures)
        return result

    return function


def raise_failures(module: Any) -> None:
    """Makes failed transfers of an async_io module exceptions, of handles made from now on."""
    if hasattr(module.aio_handle, "_dsaio_original"):
        return
    module.aio_handle = raising_handle(module.aio_handle)
    for name, call in FUNCTIONS.items():
        setattr(module, name, _raising_function(getattr(module, name), call))
