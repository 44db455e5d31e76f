// Calls that the second library rejects: one line that names the function, the thing and its value,
// then abort.

#include "common/transfer.h"
#include "support/child.h"

#include <dsaio_transfer.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

namespace {

struct Case {
    const char* name;
    void (*change)(Call&);
    // After the function's name.
    const char* line;
};

std::ostream& operator<<(std::ostream& out, const Case& error) { return out << error.name; }

// The original's allocation of a vector: it grows by doubling.
void replace_iocbs(Call& call, size_t depth)
{
    auto* iocbs = new (&call.context->_iocbs) std::vector<iocb*>;
    for (size_t i = 0; i < depth; ++i) { iocbs->push_back(new iocb{}); }
}

const Case cases[] = {
    {"NoContext", [](Call& call) { call.context.reset(); },
     "aio_ctxt is a null pointer; pass a valid one"},
    {"NoTransfer", [](Call& call) { call.xfer.reset(); },
     "xfer_ctxt is a null pointer; pass a valid one"},
    {"NoConfig", [](Call& call) { call.settings = nullptr; },
     "config is a null pointer; pass a valid one"},
    {"NoBuffer", [](Call& call) { call.transfer(0, 0, 1, nullptr); },
     "_mem_buffer is a null pointer; pass a valid one"},
    {"NegativeLength", [](Call& call) { call.transfer(0, 0, -5, &call); },
     "num_bytes is -5; it must not be negative"},
    {"NegativeFileOffset", [](Call& call) { call.transfer(-4096, 0, 1, &call); },
     "file_offset is -4096; it must not be negative"},
    {"NegativeBufferOffset", [](Call& call) { call.transfer(0, -1, 1, &call); },
     "_buffer_base_offset is -1; it must not be negative"},
    {"EndBeyondTheLargestOffset", [](Call& call) { call.transfer(1, 0, INT64_MAX, &call); },
     "file_offset 1 \\+ num_bytes 9223372036854775807 overflows; .*"},
    {"BufferBeyondTheLargestAddress",
     [](Call& call) { call.transfer(0, 16, 1, reinterpret_cast<void*>(UINTPTR_MAX - 15)); },
     "buffer 0xfffffffffffffff0 \\+ 16 bytes overflows; .*"},
    {"NoBlockSize", [](Call& call) { call.context->_block_size = 0; },
     "_block_size is 0; it must be at least 1"},
    {"NegativeQueueDepth", [](Call& call) { call.context->_queue_depth = -8; },
     "_queue_depth is -8; it must be at least 1"},
    {"ContextOfAnotherLibrary", [](Call& call) { replace_iocbs(call, 8); },
     "aio_ctxt was not constructed by this library, .*"},
    {"ContextOfAnotherLibraryWithRoom", [](Call& call) { replace_iocbs(call, 6); },
     "aio_ctxt was not constructed by this library, .*"},
    {"ChangedVector", [](Call& call) { call.context->_iocbs.pop_back(); },
     "aio_ctxt was not constructed by this library, .*"},
};

class Errors : public testing::TestWithParam<Case> {};

TEST_P(Errors, AbortWithOneLine)
{
    for (const bool overlap : {false, true}) {
        const std::string function = overlap ? "overlap" : "sequential";
        const std::string line =
            "^deepspeed_aio_common: do_aio_operation_" + function + ": " + GetParam().line + "\n$";
        EXPECT_EXIT(
            {
                Call call;
                call.overlap = overlap;
                call.fd = 0;
                GetParam().change(call.prepare());
                call.run();
                _exit(0);
            },
            testing::KilledBySignal(SIGABRT), line);
    }
}

INSTANTIATE_TEST_SUITE_P(, Errors, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

#define EXPECT_LINE(call, line) \
    EXPECT_EXIT(                \
        {                       \
            call;               \
            _exit(0);           \
        },                      \
        testing::KilledBySignal(SIGABRT), "^deepspeed_aio_common: " line "\n$")

TEST(Constructors, RejectWhatIsNotPositive)
{
    EXPECT_LINE(aio_context(0, 8), "aio_context::aio_context: block_size is 0; it must be .*");
    EXPECT_LINE(aio_context(1, -1), "aio_context::aio_context: queue_depth is -1; it must be .*");
}

// As where fs.aio-max-nr is reached.
bool refuse_aio() { return make_fail(SYS_io_setup, EAGAIN); }

TEST(Constructors, SayOnceThatTheKernelHasNoRoom)
{
    EXPECT_EXIT(
        {
            if (!refuse_aio()) { _exit(1); }
            const aio_context one(4096, 8);
            const aio_context two(4096, 8);
            _exit(two._io_ctxt != nullptr);
        },
        testing::ExitedWithCode(0),
        "^deepspeed_aio_common: the kernel refuses an AIO context for 8 requests: [^\n]* raise it: "
        "[^\n]*\n$");
}

TEST(Constructors, TellARecorderThatTheKernelHasNoRoom)
{
    EXPECT_EXIT(
        {
            dsaio_recorder* recorder = nullptr;
            char text[24];
            if (!refuse_aio() || dsaio_recorder_new(&recorder) != 0) { _exit(1); }
            dsaio_recorder_enter(recorder);
            const aio_context one(4096, 8);
            const aio_context two(4096, 8);
            const bool told = dsaio_recorder_notice(recorder, text, sizeof(text)) == 1 &&
                              strcmp(text, "the kernel refuses an A") == 0 &&
                              dsaio_recorder_notice(recorder, text, sizeof(text)) == 0;
            const aio_context three(4096, 9);
            dsaio_recorder_leave(recorder);
            dsaio_recorder_free(recorder);
            _exit(!told);
        },
        testing::ExitedWithCode(0),
        "^deepspeed_aio_common: the kernel refuses an AIO context for 9 requests: [^\n]*\n$");
}

TEST(Destructor, RejectsAContextThatIsNone)
{
    alignas(aio_context) char storage[sizeof(aio_context)] = {};
    EXPECT_LINE(reinterpret_cast<aio_context*>(storage)->~aio_context(),
                "aio_context::~aio_context: aio_ctxt was not constructed by this library, .*");
}

TEST(Forks, ChildCannotUseAContextOfItsParent)
{
    Call call;
    call.fd = 0;
    call.prepare();
    EXPECT_LINE(call.run(),
                "do_aio_operation_sequential: aio_ctxt was made by process [0-9]+ and "
                "this is process [0-9]+; after a fork\\(\\) the child must make .*");
}

TEST(Files, RejectWhatCannotBeRead)
{
    std::vector<char> buffer;
    char byte = 0;
    EXPECT_LINE(open_file(nullptr, true), "open_file: filename is a null pointer; .*");
    EXPECT_LINE(report_file_error(nullptr, "", 1), "report_file_error: filename is a null .*");
    EXPECT_LINE(regular_read(nullptr, buffer), "regular_read: filename is a null pointer; .*");
    EXPECT_LINE(regular_read("/nonexistent", buffer),
                "regular_read: /nonexistent cannot be opened: No such file .*");
    EXPECT_LINE(validate_aio_operation(true, "/proc/self", &byte, 1),
                "validate_aio_operation: /proc/self cannot be read: Is a directory .*");
}

// sysfs says that its files are a page long.
TEST(Files, RejectOneThatEndsBeforeItsSize)
{
    std::vector<char> buffer;
    EXPECT_EXIT(regular_read("/sys/devices/system/cpu/online", buffer),
                testing::KilledBySignal(SIGABRT),
                "^read error  read_bytes \\(read\\) = [0-9]+ num_bytes \\(fstat\\) = [0-9]+\n"
                "deepspeed_aio_common: regular_read: [^\n]* ended early; [^\n]*\n$");
}

// procfs is one of those that refuse O_DIRECT.
TEST(Files, OpenWithoutDirectIoWithOneLineForEachFileSystem)
{
    testing::internal::CaptureStderr();
    for (const char* name : {"/proc/self/status", "/proc/self/maps"}) {
        const int fd = open_file(name, true);
        EXPECT_GE(fd, 0);
        EXPECT_EQ(fcntl(fd, F_GETFL) & O_DIRECT, 0);
        close(fd);
    }
    const std::string lines = testing::internal::GetCapturedStderr();
    EXPECT_EQ(lines.find("deepspeed_aio_common: the file system of /proc/self/status does not "),
              0u);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1) << lines;
}

TEST(Transfers, FailWithOneLine)
{
    EXPECT_LINE(
        {
            Call call;
            call.prepare().run();
        },
        "write of 12388 bytes at offset 0 moved 0 bytes: the file descriptor is -1; .*"
        "\\(errno 9\\)");
    EXPECT_LINE(
        {
            Call call;
            call.read_op = true;
            call.fd = open("/dev/null", O_RDONLY);
            call.prepare().run();
        },
        "read of 12388 bytes at offset 0 of /dev/null moved 0 bytes: .*");
}

}  // namespace
