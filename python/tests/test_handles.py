"""The async_io module whose failed transfers raise: its class, its end, its warnings and its files."""

import errno
import json
import pickle
import shutil
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
from conftest import START, fake_sources

from deepspeed_aio_utils import TransferError
from deepspeed_aio_utils.op_builder import REPLACED
from deepspeed_aio_utils.releases import NEWEST
from deepspeed_aio_utils.symbols import LIBRARIES


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


# Handles that say whether a tensor is locked, and, as in older releases, that do not.
STRIDED = """
from types import SimpleNamespace
class Strided:  # a tensor, as far as is asked
    element_size = lambda self: 1
    is_contiguous = is_pinned = lambda self: False
    def __init__(self, address, device="cpu"):
        self.address, self.device = address, SimpleNamespace(type=device)
    numel = lambda self: 4096
    data_ptr = lambda self: self.address
class Handle:
    get_intra_op_parallelism = lambda self: 1
    move = lambda self, *arguments: 1
    read = write = pread = pwrite = sync_pread = sync_pwrite = async_pread = async_pwrite = wait = move
    locked = ()
    def new_cpu_locked_tensor(self, address):
        self.locked += (address,)
        return Strided(address)
    def free_cpu_locked_tensor(self, tensor):
        self.locked = ()
        return True
class Newer(Handle):
    is_pinned = lambda self, tensor: tensor.device.type == "cpu" and tensor.address in self.locked
class Own(deepspeed_aio_utils.handles.raising_handle({})):
    is_pinned = lambda self, tensor: False
handle = Own()
column = handle.new_cpu_locked_tensor(4096)
def refused(direction, tensor):
    error = failure(getattr(handle, direction), tensor, path("file"))
    return error and "locked and not contiguous" in str(error)
with open(path("file"), "wb") as file:
    file.write(bytes(4096))
found = [refused(direction, column) for direction in ("sync_pread", "async_pread", "sync_pwrite")]
found += [refused("sync_pread", Strided(8192)), refused("sync_pread", Strided(4096, "npu"))]
found += [handle.free_cpu_locked_tensor(column), refused("sync_pread", column)]
print(json.dumps(found))
"""


@pytest.mark.parametrize("base", ["Handle", "Newer"])
def test_a_read_that_deepspeed_would_drop_is_refused(scripts, ops, base):
    found = scripts.code(ops.module(NEWEST), STRIDED.replace("{}", base))
    assert found == [True, True, None, None, None, True, None]


LEFT = {
    "at exit": "",
    "deleted": "del handle; print('deleted', flush=True)",
    "at exit, kept for good": "import ctypes; ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))",
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


def test_modules_that_raise_are_left_alone(environment):
    code = """
import json, sys, types
class Lazy(types.ModuleType):
    def __getattr__(self, name): raise ImportError(name)
sys.modules["lazy"] = Lazy("lazy")
import deepspeed_aio_utils.auto
print(json.dumps(deepspeed_aio_utils.active() is not None))
"""
    assert environment.code(code) is True


def test_a_child_process_leaves_its_parent_s_transfers_alone(scripts, ops):
    found = scripts.code(
        ops.module(NEWEST),
        """
import atexit, time
handle, data = handle_of(module, 2), buffer(MIB)
limit_files(MIB)
handle.async_pwrite(data, path("file"), MIB)
time.sleep(0.5)  # so that the child inherits the failure
child = os.fork()
if child == 0:
    own = handle_of(module)
    error = failure(own.sync_pwrite, data, path("child"), MIB)
    refused = 0
    for call in (handle.wait, lambda: handle.async_pwrite(data, path("child"))):
        try:
            call()
        except RuntimeError:
            refused += 1
    pipe = os.pipe()
    os.dup2(pipe[1], 2)
    atexit._run_exitfuncs()
    os.set_blocking(pipe[0], False)
    try:
        printed = os.read(pipe[0], 1000)
    except BlockingIOError:
        printed = b""
    os._exit(255 if printed or refused != 2 else error.errno)
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
    for then in ("", "from deepspeed_aio_utils import handles; handles.raise_failures(module)"):
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
    fake_sources(scripts, tmp_path / "site", NEWEST)
    # Three of each turn's transfers open a file that wait() should close.
    assert scripts.code(op, FILES_OF_THE_USER) == [750 * leaks, 0]
    if leaks:
        fake_sources(scripts, tmp_path / "site", "0.17.1")
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
