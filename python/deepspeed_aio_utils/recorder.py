"""The failures that the library of transfers records, for Python."""

from __future__ import annotations

import ctypes
import functools
import os

from .errors import TransferError
from .symbols import COMMON


class _Failure(ctypes.Structure):
    """struct dsaio_failure."""

    _fields_ = [
        ("error", ctypes.c_int32),
        ("read_op", ctypes.c_bool),
        ("file_offset", ctypes.c_int64),
        ("num_bytes", ctypes.c_int64),
        ("moved", ctypes.c_int64),
        ("path", ctypes.c_char * 4096),
        ("message", ctypes.c_char * 5120),
    ]


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(COMMON.path))
    pointer = ctypes.c_void_p
    library.dsaio_recorder_new.argtypes = [ctypes.POINTER(pointer)]
    library.dsaio_recorder_enter.argtypes = [pointer]
    library.dsaio_recorder_leave.argtypes = [pointer]
    library.dsaio_recorder_next.argtypes = [pointer, ctypes.POINTER(_Failure)]
    library.dsaio_recorder_notice.argtypes = [pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.dsaio_recorder_keep_files.argtypes = [pointer]
    library.dsaio_recorder_next_file.argtypes = [pointer]
    library.dsaio_recorder_free.argtypes = [pointer]
    library.dsaio_recorder_free.restype = None
    return library


class Recorder:
    """Takes the failures of the `aio_context`s that a thread constructs, and of the files that it opens,
    inside `with recorder:`."""

    def __init__(self, keep_files: bool = False) -> None:
        self._library = _library()
        self._pointer = ctypes.c_void_p()
        self._process = os.getpid()
        self._failure = _Failure()  # once, because clearing 9 KB takes longer than all else here
        self._library.dsaio_recorder_new(ctypes.byref(self._pointer))
        if keep_files:
            self._library.dsaio_recorder_keep_files(self._pointer)

    def __enter__(self) -> None:
        self._library.dsaio_recorder_enter(self._pointer)

    def __exit__(self, *_: object) -> None:
        self._library.dsaio_recorder_leave(self._pointer)

    def take(self) -> list[TransferError]:
        """The failures since the last call, oldest first."""
        taken = []
        failure = self._failure
        while self._library.dsaio_recorder_next(self._pointer, ctypes.byref(failure)) == 1:
            taken.append(
                TransferError(
                    failure.error,
                    failure.message.decode(errors="replace"),
                    os.fsdecode(failure.path),
                    "read" if failure.read_op else "write",
                    failure.file_offset,
                    failure.num_bytes,
                    failure.moved,
                )
            )
        return taken

    def take_notice(self) -> str | None:
        """A sentence about contexts for which the kernel had too little room; None if it had enough."""
        text = ctypes.create_string_buffer(_Failure.message.size)
        if self._library.dsaio_recorder_notice(self._pointer, text, len(text)) != 1:
            return None
        return text.value.decode(errors="replace")

    def take_files(self) -> list[int]:
        """The files that open_file() opened since the last call; none without `keep_files`."""
        return list(iter(lambda: max(self._library.dsaio_recorder_next_file(self._pointer), -1), -1))

    @property
    def inherited(self) -> bool:
        """Whether it was made by the parent of this process, whose failures are the parent's."""
        return self._process != os.getpid()

    def __del__(self) -> None:
        # Prints the failures that nobody took.
        if not self.inherited:
            self._library.dsaio_recorder_free(self._pointer)
