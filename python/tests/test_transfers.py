"""Transfers of an aio_handle with the libraries on: right bytes, or one TransferError from the call."""

import errno

import pytest

from deepspeed_aio_utils.releases import NEWEST

# Each moves 1 MiB, and the file can take half of it.
WRITES = {
    "sync_pwrite": "handle.sync_pwrite(data, file)",
    "pwrite": "handle.pwrite(data, file, False, False)",
    "pwrite, async": "handle.pwrite(buffer=data, filename=file, validate=False, **{'async': True})",
    "async_pwrite": "handle.async_pwrite(data, file)",
    "async_pwrite, opened": "handle.async_pwrite(data, os.open(file, os.O_WRONLY | os.O_CREAT), 0)",
    "write": "handle.write(data, file, False)",
    "aio_write": "module.aio_write(data, file, 1 << 16, 8, False, False, False)",
}


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_does_not_fit_raises(scripts, ops, release, write, threads):
    found = scripts.code(
        ops.module(release),
        f"""
handle, data, file = handle_of(module, {threads}), buffer(MIB), path("file")
asynchronous = {"async" in write}
limit_files(MIB // 2)
error = failure(lambda: {WRITES[write]} if not asynchronous else ({WRITES[write]}, handle.wait()))
again = failure(handle.wait), handle.wait()
# The handle stays usable.
limit_files(resource.RLIM_INFINITY)
written = {WRITES[write]}
if asynchronous:
    written = handle.wait()
back = buffer(MIB, 0)
read = handle.sync_pread(back, file)
print(json.dumps([error.errno, error.filename == file, error.operation, error.offset, error.num_bytes,
                  error.moved, len(error.others), str(error), again, written, read, back == data]))
""",
    )
    number, named, operation, offset, num_bytes, moved, others, text, again, *usable = found
    parts = threads if "pwrite" in write else 1
    assert (number, named, operation, num_bytes) == (errno.EFBIG, True, "write", (1 << 20) // parts)
    # The parts below the limit fit. Which of the others fails first is not certain.
    assert others == (parts + 1) // 2 - 1 and "write of " in text and "errno 27" in text
    assert moved == (1 << 19 if parts == 1 else 0) and offset in ([0] if parts == 1 else [1 << 19, 3 << 18])
    assert again == [None, 0]
    assert usable == [1 if "pwrite" in write else 0, 1, True]


PROBLEMS = {
    "no file": ("handle.{}(data, path('none'))", errno.ENOENT),
    "too short a file": ("handle.{}(data, path('short'))", errno.ENODATA),
    "beyond the end": ("handle.{}(data, path('whole'), 512)", errno.ENODATA),
    "a directory": ("handle.{}(data, DIRECTORY)", errno.EISDIR),
    "no directory": ("handle.{}(data, path('whole/file'))", errno.ENOTDIR),
    "a loop of links": ("handle.{}(data, path('loop'))", errno.ELOOP),
    "too long a name": ("handle.{}(data, path('x' * 300))", errno.ENAMETOOLONG),
    "a negative offset": ("handle.{}(data, path('whole'), -512)", errno.EINVAL),
    "not divisible": ("handle.{}(data[:-1], path('whole'))", errno.EINVAL),
    "a pipe": ("handle.{}(data, path('pipe'))", errno.ESPIPE),
}
FILES = """
data = buffer(MIB)
for name, size in (("whole", MIB), ("short", 1000)):
    with open(path(name), "wb") as file:
        file.write(bytes(size))
os.symlink(path("loop"), path("loop"))
os.mkfifo(path("pipe"))
pipe = os.open(path("pipe"), os.O_RDWR)  # so that opening it does not wait
handle = handle_of(module, 2)
"""
WRITABLE = {"no file", "too short a file", "beyond the end"}
MOVES = [(problem, f"{mode}_pread") for problem in PROBLEMS for mode in ("sync", "async")]
MOVES += [(problem, method.replace("read", "write")) for problem, method in MOVES if problem not in WRITABLE]


@pytest.mark.parametrize("problem, method", MOVES)
def test_a_file_that_cannot_be_moved_raises(scripts, ops, release, problem, method):
    call, number = PROBLEMS[problem]
    call = call.format(method)
    found = scripts.code(
        ops.module(release),
        f"""{FILES}
error = failure(lambda: ({call}, handle.wait()))
print(json.dumps([error.errno, error.operation, error.filename, str(error), handle.wait(),
                  handle.sync_pread(data, path("whole"))]))
""",
    )
    operation = "read" if "read" in method else "write"
    assert found[:2] == [number, operation] and found[4:] == [0, 1]
    assert found[2] and found[2] in found[3] and operation in found[3]


WHOLE = {
    "no file": ("path('none')", errno.ENOENT),
    "too short a file": ("path('short')", errno.ENODATA),
    "too long a file": ("path('long')", errno.EINVAL),
    "a directory": ("DIRECTORY", errno.EISDIR),
}


WHOLE_READS = "handle.read(data, {}, False)", "module.aio_read(data, {}, 65536, 8, *3 * [False])"


@pytest.mark.parametrize("call", WHOLE_READS)
@pytest.mark.parametrize("problem", WHOLE)
def test_whole_files_that_cannot_be_read_raise(scripts, ops, release, problem, call):
    file, number = WHOLE[problem]
    found = scripts.code(
        ops.module(release),
        f"""{FILES}
with open(path("long"), "wb") as file:
    file.write(bytes(2 * MIB))
error = failure(lambda: {call.format(file)})
whole = {call.format("path('whole')")}
print(json.dumps([error.errno, error.operation, whole]))
""",
    )
    assert found == [number, "read", 0]


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("overlap", [False, True])
def test_tails_and_odd_offsets_are_moved(scripts, ops, release, threads, overlap):
    found = scripts.code(
        ops.module(release),
        f"""
handle = handle_of(module, {threads}, {overlap})
found = []
for offset, size in ((0, 108), (1, MIB // 12 * 12), (513, 3 * 4096 * 5), (4096, MIB // 12 * 12 + 120)):
    data, back = buffer(size), buffer(size, 0)
    data[:8] = b"beginning"[:8]
    open(path("file"), "wb").write(b"\\1" * (offset + size + 7))
    done = handle.sync_pwrite(data, path("file"), offset)
    content = open(path("file"), "rb").read()
    found.append([done, content == b"\\1" * offset + bytes(data) + b"\\1" * 7,
                  handle.sync_pread(back, path("file"), offset), back == data])
print(json.dumps(found))
""",
    )
    assert found == [[1, True, 1, True]] * 4


def test_one_error_for_everything_that_was_pending(scripts, ops, release):
    found = scripts.code(
        ops.module(release),
        """
handle, other, data = handle_of(module, 2), handle_of(module, 2), buffer(MIB)
limit_files(MIB)
for number in range(3):
    handle.async_pwrite(data, path(str(number)), MIB * (number % 2))
    other.async_pwrite(data, path(f"other {number}"))
error = failure(handle.sync_pread, buffer(MIB), path("none"))
everything = [error, *error.others]
print(json.dumps([[[e.errno, os.path.basename(e.filename)] for e in everything], handle.wait(), other.wait(),
                  failure(handle.wait) is None]))
""",
    )
    errors, *rest = found
    assert errors == [[errno.EFBIG, "1"], [errno.EFBIG, "1"], [errno.ENOENT, "none"]]
    assert rest == [0, 3, True]


@pytest.mark.parametrize("call", ["module.aio_handle.write(handle, data, path('2'), False)", "handle.wait()"])
def test_nothing_is_pending_after_an_error(scripts, ops, call):
    found = scripts.code(
        ops.module(NEWEST),
        f"""
handle, data = handle_of(module, 2), buffer(8 * MIB)
limit_files(MIB)
handle.async_pwrite(data, path("1"))
error = failure(lambda: {call})
print(json.dumps([len(error.others) >= 1, handle.wait(), failure(handle.wait) is None]))
""",
    )
    assert found == [True, 0, True]


def test_a_failure_reaches_its_own_handle_and_no_other(scripts, ops, release):
    found = scripts.code(
        ops.module(release),
        """
import threading
data = buffer(MIB)
handles = [handle_of(module, 1 + number % 3) for number in range(6)]
limit_files(MIB)
found = {}
def work(number):
    handle = handles[number]
    for turn in range(20):
        offset = MIB if number == 4 else 0
        handle.async_pwrite(data[: 12 << 14], path(str(number)), offset)
        found.setdefault(number, []).append(failure(handle.wait))
threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([[e is not None and os.path.basename(e.filename) for e in found[n]] for n in range(6)]))
""",
    )
    assert found == [["4"] * 20 if number == 4 else [False] * 20 for number in range(6)]


def test_threads_that_share_a_handle(scripts, ops):
    found = scripts.code(
        ops.module(NEWEST),
        """
import threading
handle, data = handle_of(module, 2), buffer(MIB)
limit_files(MIB)
wrong = []
def work(number):
    for _ in range(50):
        error = failure(handle.sync_pwrite, data, path(str(number)), MIB if number == 1 else 0)
        if (error is not None) != (number == 1) or error and error.filename != path("1"):
            wrong.append(str(error))
threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(wrong))
""",
    )
    assert found == []


def test_a_closed_descriptor(scripts, ops):
    found = scripts.code(
        ops.module(NEWEST),
        """
handle, data = handle_of(module), buffer(4096)
fd = os.open(path("file"), os.O_RDONLY | os.O_CREAT)
read_only = failure(lambda: (handle.async_pwrite(data, fd, 0), handle.wait()))
os.close(fd)
closed = failure(lambda: (handle.async_pwrite(data, fd=fd), handle.wait()))
print(json.dumps([read_only.errno, closed.errno]))
""",
    )
    assert found == [errno.EBADF, errno.EBADF]
