"""Transfers of an aio_handle with the libraries on: right bytes, or one TransferError from the call."""

import errno
import json
import pickle
import shutil
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from conftest import fake_release

from deepspeed_aio_utils import TransferError
from deepspeed_aio_utils.op_builder import REPLACED
from deepspeed_aio_utils.releases import NEWEST
from deepspeed_aio_utils.symbols import LIBRARIES

START = """
import deepspeed_aio_utils, json
from moves import *
deepspeed_aio_utils.activate()
module = load()
"""


@pytest.fixture
def scripts(environment, tmp_path):
    """Runs a script with an op; what it prints as JSON, or the whole outcome."""
    (tmp_path / "files").mkdir()

    class Scripts:
        variables = {"PYTHONPATH": Path(__file__).parent}

        def outcome(self, op, text):
            return environment.run("-c", text, op, tmp_path / "files", **self.variables)

        def code(self, op, text):
            return environment.code(START + text, op, tmp_path / "files", **self.variables)

    return Scripts()


# Each moves 1 MiB. The file can take 512 KiB, which is less than the half of two threads.
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
WRITABLE = ("no file", "too short a file", "beyond the end")


@pytest.mark.parametrize("method", ["sync_pread", "async_pread", "sync_pwrite", "async_pwrite"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_file_that_cannot_be_moved_raises(scripts, ops, release, problem, method):
    if "write" in method and problem in WRITABLE:
        pytest.skip("such a file can be written")
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


def test_the_class_is_as_the_original_s(scripts, ops, release):
    found = scripts.code(
        ops.module(release),
        """
(original,) = [c for c in module.aio_handle.__mro__ if c.__name__ == "aio_handle"][1:]
class Older(original): pass
class Own(module.aio_handle):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.calls = 0
    def sync_pwrite(self, *arguments):
        self.calls += 1
        return super().sync_pwrite(*arguments)
before, own, new = Older(4096, 1, False, False, 1), Own(4096, 1, False, False, 1), handle_of(module)
limit_files(4096)
error = failure(own.sync_pwrite, buffer(8192), path("file"))
cls = module.aio_handle
print(json.dumps([
    [isinstance(h, cls) for h in (before, own, new, original(), 5)],
    [isinstance(h, Own) for h in (before, own, new)],
    [issubclass(c, cls) for c in (original, Older, Own, cls, int)],
    [getattr(cls, n) == getattr(original, n) for n in ("__name__", "__qualname__", "__module__", "__doc__")],
    cls.__doc__, cls.sync_pread.__doc__ == original.sync_pread.__doc__, own.calls, error.errno,
    before.sync_pwrite(buffer(4096), path("file")),
]))
""",
    )
    assert found == [
        [True, True, True, True, False],
        [False, True, False],
        [True, True, True, True, False],
        [True] * 4,
        *["The handle's documentation", True, 1, errno.EFBIG, 1],
    ]


WRONG = "handle.sync_pwrite()", "handle.sync_pread(5, 'x')", "module.aio_handle('x')", "module.aio_read(1)"


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_raise_what_they_did(scripts, ops, call):
    text = START + f"handle = handle_of(module)\n{call}"
    assert "TypeError: " in scripts.outcome(ops.module(NEWEST), text).stderr


@pytest.mark.parametrize("settings", ["errors='abort'", "transfers=False"])
def test_without_exceptions(scripts, ops, release, settings):
    text = f"""
import deepspeed_aio_utils
from moves import *
activation = deepspeed_aio_utils.activate({settings})
module = load()
handle, data = handle_of(module), buffer(MIB)
assert handle.sync_pwrite(data, path("file")) == 1 and len(activation.libraries) == 1 + activation.transfers
assert type(handle).__mro__[1].__name__ == "pybind11_object"
limit_files(MIB // 2)
print([b.ours for b in deepspeed_aio_utils.bindings() if b.function == "open_file"], flush=True)
print(handle.sync_pwrite(data, path("other")))
"""
    done = scripts.outcome(ops.module(release), text)
    if "abort" in settings:
        assert done.stdout == "[True]\n" and done.returncode == -6, done
        assert "deepspeed_aio_common: write of 1048576 bytes" in done.stderr
    else:
        # DeepSpeed's own loops: half of it is missing, and nothing says so.
        assert (done.returncode, done.stdout) == (0, "[False]\n1\n"), done


def test_other_settings_afterwards_are_refused(scripts, ops):
    found = scripts.code(
        ops.module(NEWEST),
        """
reasons = []
for settings in ({"errors": "abort"}, {"transfers": False}, {}):
    try:
        reasons.append(deepspeed_aio_utils.activate(**settings).already)
    except deepspeed_aio_utils.AlreadyActive as error:
        reasons.append(error.reason)
import deepspeed_aio_utils.auto
print(json.dumps(reasons))
""",
    )
    assert "errors='abort'" in found[0] and "transfers=False" in found[1] and found[2] is True


LEFT = {
    "at exit": "",
    "deleted": "del handle; print('deleted', flush=True)",
    "at exit, in a cycle": "handle = [handle]; handle.append(handle)",
}


@pytest.mark.parametrize("how", LEFT)
def test_a_failure_that_nobody_takes_is_printed(scripts, ops, release, how):
    text = f"""{START}
handle, data = handle_of(module, 2), buffer(MIB)
limit_files(MIB // 2)
handle.async_pwrite(data, path("file"))
{LEFT[how]}
"""
    done = scripts.outcome(ops.module(release), text)
    assert done.returncode == 0, done
    assert done.stderr.count("write of 524288 bytes at offset 524288") == 1


def test_a_child_process_leaves_its_parent_s_transfers_alone(scripts, ops):
    found = scripts.code(
        ops.module(NEWEST),
        """
import atexit
handle, data = handle_of(module, 2), buffer(MIB)
limit_files(MIB)
handle.async_pwrite(data, path("file"), MIB)
child = os.fork()
if child == 0:
    own = handle_of(module)
    error = failure(own.sync_pwrite, data, path("child"), MIB)
    atexit._run_exitfuncs()
    os._exit(error.errno)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([status, failure(handle.wait).errno]))
""",
    )
    assert found == [errno.EFBIG, errno.EFBIG]


def test_many_handles_and_transfers_leave_nothing(scripts, ops, release):
    found = scripts.code(
        ops.module(release),
        """
import gc
data = buffer(4096)
handle = handle_of(module)
handle.sync_pwrite(data, path("file"))
def memory():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
def turn():
    for _ in range(500):
        failure(handle.sync_pread, data, path("none"))
        failure(handle.async_pwrite, data, DIRECTORY)
        handle.async_pread(data, path("file"))
        handle.wait()
        handle_of(module)
turn()
before = descriptors(), len(deepspeed_aio_utils.handles._alive), memory()
turn()
after = descriptors(), len(deepspeed_aio_utils.handles._alive), memory()
print(json.dumps([before[:2] == after[:2], after[2] - before[2]]))
""",
    )
    assert found[0] and found[1] < 4 << 20, found


def prebuilt(ops, site, *flags, **options):
    """A DeepSpeed with an op that was built ahead of time."""
    op = ops.module(NEWEST, "-DNAME=async_io_op", *flags, **options)
    target = site / "deepspeed" / "ops" / "aio" / f"async_io_op{EXTENSION_SUFFIXES[0]}"
    target.parent.mkdir(parents=True)
    for package in ("", "ops", "ops/aio"):
        (site / "deepspeed" / package / "__init__.py").touch()
    (site / "version.txt").write_text(NEWEST)
    shutil.copy(op, target)
    return target


IMPORT = """
import deepspeed_aio_utils, json
from moves import *
{first}
module = __import__("deepspeed.ops.aio.async_io_op", fromlist=["async_io_op"])
{then}
deepspeed_aio_utils.activate()
handle, data = handle_of(module), buffer(MIB)
limit_files(4096)
print(json.dumps([failure(handle.sync_pwrite, data, path("file")).errno,
                  failure(module.aio_write, data, path("file"), 4096, 1, False, True, False).errno,
                  module.aio_handle.__mro__.count(module.aio_handle), len(module.aio_handle.__mro__)]))
"""


def test_an_op_that_was_built_ahead_of_time(scripts, ops, tmp_path):
    op = prebuilt(ops, tmp_path / "site")
    scripts.variables = {"PYTHONPATH": f"{scripts.variables['PYTHONPATH']}:{tmp_path / 'site'}"}
    done = scripts.outcome(op, IMPORT.format(first="deepspeed_aio_utils.activate()", then=""))
    assert json.loads(done.stdout) == [errno.EFBIG, errno.EFBIG, 1, 4], done
    done = scripts.outcome(op, IMPORT.format(first="", then=""))
    assert "OpAlreadyLoaded" in done.stderr


def test_an_op_that_was_linked_against_the_libraries(scripts, environment, ops, tmp_path):
    directory = environment.package
    flags = [f"-L{directory}", *(f"-l:{library.soname}" for library in LIBRARIES), f"-Wl,-rpath,{directory}"]
    op = prebuilt(ops, tmp_path / "site", *flags, without=tuple(name[:-4] for name in REPLACED))
    scripts.variables = {"PYTHONPATH": f"{scripts.variables['PYTHONPATH']}:{tmp_path / 'site'}"}
    for then in ("", "from deepspeed_aio_utils import handles; handles.complete(module)"):
        done = scripts.outcome(op, IMPORT.format(first="", then=then))
        assert json.loads(done.stdout) == [errno.EFBIG, errno.EFBIG, 1, 4], done


# The call, and the file that the warning names.
REFUSED = {
    "handle_of(module, 4)": "moves.py",
    "module.aio_write(data, path('file'), 65536, 8, *3 * [False])": "<string>",
}


@pytest.mark.parametrize("call", REFUSED)
def test_refused_requests_warn_where_they_are_asked_for(scripts, ops, call):
    warnings, written, back = scripts.code(
        ops.module(NEWEST),
        f"""
import warnings
data = buffer(MIB)
refuse_aio()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    {call}
written = handle_of(module).sync_pwrite(data, path("file"))
print(json.dumps([[[w.category.__name__, os.path.basename(w.filename), str(w.message)] for w in caught],
                  written, open(path("file"), "rb").read() == data]))
""",
    )
    assert (written, back, len(warnings)) == (1, True, 1)
    assert warnings[0][:2] == ["RuntimeWarning", REFUSED[call]]
    assert "refuses an AIO context for 8 requests" in warnings[0][2] and "aio-max-nr" in warnings[0][2]


FILES_OF_THE_USER = """
handle, data = handle_of(module, 2), buffer(8192)
for name in ("file", "user's"):
    open(path(name), "wb").write(bytes(8192))
def users():
    return os.open(path("user's"), os.O_RDWR)
own = [users()]
before = descriptors()
for turn in range(250):
    handle.sync_pwrite(data, path("file"))
    handle.async_pread(data, path("file"))
    handle.async_pwrite(data, own[-1])
    handle.read(data, path("file"), False)
    # It may have the number that the file of read() had.
    own.append(users())
    handle.wait()
    if turn % 2:
        own.append(users())
    handle.pread(data, path("file"), False, False)
    failure(handle.async_pread, data, path("none"))
lost = descriptors() - before - (len(own) - 1)
same = os.stat(path("user's"))
print(json.dumps([lost, sum(os.path.samestat(os.fstat(fd), same) for fd in own) - len(own)]))
"""


@pytest.mark.parametrize("leaks", [False, True], ids=["sound", "leaking"])
def test_files_are_closed_once(scripts, ops, tmp_path, leaks):
    op = ops.module(NEWEST, *["-DLEAKS"] * leaks)
    source = tmp_path / "site" / "deepspeed" / "ops/csrc/aio/py_lib/deepspeed_py_io_handle.cpp"
    fake_release(tmp_path / "site", NEWEST)
    source.parent.mkdir(parents=True)
    line = "if (!completed_op->_filename.empty()) { %s(completed_op->_fd); }"
    source.write_text(line % "close")
    scripts.variables = {"PYTHONPATH": f"{scripts.variables['PYTHONPATH']}:{tmp_path / 'site'}"}
    # Three of each turn's transfers open a file that wait() should close.
    assert scripts.code(op, FILES_OF_THE_USER) == [750 * leaks, 0]
    if leaks:
        source.write_text(line % "")
        assert scripts.code(op, FILES_OF_THE_USER) == [0, 0]


def test_errors_are_pickled_whole():
    other = TransferError(2, "another", "/other", "read")
    error = TransferError(28, "a sentence", "/file", "write", 1, 2, 3, (other,))
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, OSError) and type(copy) is TransferError
    fields = ("errno", "strerror", "filename", "operation", "offset", "num_bytes", "moved")
    assert [getattr(copy, field) for field in fields] == [getattr(error, field) for field in fields]
    assert copy.strerror == "No space left on device" and copy.others[0].filename == "/other"
    assert str(copy) == str(error) == "a sentence (1 more failure: see the error's 'others')"
