"""Calls of a handle that raise at their end, as with Ctrl-C or an error of DeepSpeed: what is pending, has
failed and is open afterwards."""

import errno

import pytest
from conftest import START, fake_sources

from deepspeed_aio_utils.releases import NEWEST

# A handle that counts what is pending, as DeepSpeed's does, and can raise at the end of a call.
COUNTING = """
class Counting:
    pending, raises = 0, None
    def get_intra_op_parallelism(self):
        return 1
    def is_pinned(self, buffer):
        return False
    def end(self, result):
        raises, self.raises = self.raises, None
        if raises:
            raise raises("at the end")
        return result
    def submit(self, buffer, filename):
        self.pending += 1
        return self.end(0)
    def move(self, buffer, filename):
        self.pending += 1
        return Counting.wait(self)
    def either(self, buffer, filename, validate, asynchronous):
        return (Counting.submit if asynchronous else Counting.move)(self, buffer, filename)
    def wait(self):
        assert self.pending > 0
        result, self.pending = self.pending, 0
        return self.end(result)
    async_pread = async_pwrite = submit
    sync_pread = sync_pwrite = read = write = move
    pread = pwrite = either
handle, data = deepspeed_aio_utils.handles.raising_handle(Counting)(), buffer(4096)
"""

# The call, and what is pending after it. Those that wait have something to wait for.
INTERRUPTED = {
    "handle.async_pwrite(data, path('file'))": 1,
    "handle.pwrite(data, path('file'), False, True)": 1,
    "handle.sync_pwrite(data, path('file'))": 0,
    "handle.pwrite(data, path('file'), False, False)": 0,
    "handle.wait()": 0,
}


@pytest.mark.parametrize("call", INTERRUPTED)
def test_what_is_pending_is_known_after_an_interrupt(scripts, ops, call):
    found = scripts.code(
        ops.module(NEWEST),
        f"""{COUNTING}
if {INTERRUPTED[call]} == 0:
    handle.async_pwrite(data, path("other"))
handle.raises = KeyboardInterrupt
try:
    {call}
except KeyboardInterrupt as interrupt:
    print(json.dumps([str(interrupt), handle.pending, handle.wait(), handle.sync_pwrite(data, path("file"))]))
""",
    )
    assert found == ["at the end", INTERRUPTED[call], INTERRUPTED[call], 1]


@pytest.mark.parametrize("call", INTERRUPTED)
def test_nothing_is_waited_for_at_exit_where_deepspeed_lost_count(scripts, ops, call):
    text = f"""{START}{COUNTING}
handle.async_pwrite(data, path("other"))
handle.raises = RuntimeError
Counting.wait = lambda self: print("waits", flush=True) or self.end(0)
{call}
"""
    done = scripts.outcome(ops.module(NEWEST), text)
    assert done.returncode == 1 and done.stderr.endswith("RuntimeError: at the end\n"), done
    assert done.stdout.count("waits") == ("async" not in call and "True" not in call)


# The class of a handle whose call ends with Ctrl-C, once.
INTERRUPTED_ONCE = """
def interrupted(name):
    class Interrupted(type(handle_of(module))._dsaio_original):
        pass
    real = getattr(Interrupted, name)
    def once(*arguments):
        setattr(Interrupted, name, real)
        real(*arguments)
        raise KeyboardInterrupt
    setattr(Interrupted, name, once)
    return deepspeed_aio_utils.handles.raising_handle(Interrupted)
"""


def test_failures_are_raised_by_the_call_after_an_interrupt(scripts, ops, release):
    found = scripts.code(
        ops.module(release),
        f"""{INTERRUPTED_ONCE}
import time
handle, data = interrupted("wait")(4096, 1, False, False, 1), buffer(MIB)
limit_files(MIB)
handle.async_pwrite(data, path("file"), MIB)
time.sleep(0.5)  # so that the next call learns of it
try:
    handle.async_pread(data, path("none"))
except KeyboardInterrupt:
    print(json.dumps(failure(handle.wait).errno))
""",
    )
    assert found == errno.EFBIG


def test_a_file_that_was_closed_before_an_interrupt_is_not_closed_again(scripts, ops, tmp_path):
    fake_sources(scripts, tmp_path / "site", "0.17.1")
    found = scripts.code(
        ops.module(NEWEST, "-DLEAKS"),
        f"""{INTERRUPTED_ONCE}
handle, data = interrupted("read")(4096, 1, False, False, 1), buffer(4096)
handle.sync_pwrite(data, path("file"))
try:
    handle.read(data, path("file"), False)
except KeyboardInterrupt:
    own = os.open(path("file"), os.O_RDWR)  # gets the number of the file that read() closed
    handle.async_pwrite(data, path("other"))
    handle.wait()
    print(json.dumps(os.path.samestat(os.fstat(own), os.stat(path("file")))))
""",
    )
    assert found is True
