// aio_context: what its callers see, forks, and what is left of many of them.

#include "common/transfer.h"
#include "support/child.h"

#include <dsaio_transfer.h>
#include <gtest/gtest.h>

#include <dirent.h>
#include <atomic>
#include <thread>

namespace {

class Contexts : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string reason;
        const std::string directory = direct_io_dir(reason);
        if (directory.empty()) { GTEST_SKIP() << reason; }
        file_ = std::make_unique<TemporaryFile>(directory);
    }
    // An open descriptor of the test's file.
    int open(bool read_op) { return open_file(file_->path().c_str(), read_op); }
    std::unique_ptr<TemporaryFile> file_;
};

int open_descriptors()
{
    int count = 0;
    DIR* directory = opendir("/proc/self/fd");
    while (readdir(directory) != nullptr) { ++count; }
    closedir(directory);
    return count;
}

TEST_F(Contexts, WriteAndReadInBothModes)
{
    for (const bool overlap : {false, true}) {
        for (const bool single : {false, true}) {
            Call write;
            write.overlap = overlap;
            write.fd = open(false);
            ASSERT_GE(write.fd, 0);
            const deepspeed_aio_config_t config(4096, 4, single, overlap, false);
            write.settings = const_cast<deepspeed_aio_config_t*>(&config);
            for (auto& byte : write.buffer) { byte = static_cast<char>(&byte - &write.buffer[0]); }
            write.prepare().run();
            close(write.fd);

            Call read;
            read.overlap = overlap;
            read.read_op = true;
            read.fd = open(true);
            read.settings = write.settings;
            read.prepare();
            // Memory from a place inside the buffer on, and a part of the file.
            read.transfer(5000, 7, 4000, read.buffer.data());
            read.run();
            close(read.fd);
            EXPECT_EQ(read.buffer[6], 'x');
            EXPECT_EQ(read.buffer[4007], 'x');
            EXPECT_EQ(memcmp(&read.buffer[7], &write.buffer[5000], 4000), 0);
        }
    }
}

TEST_F(Contexts, WithoutBytesThereAreNoCalls)
{
    deepspeed_aio_perf_t perf{};
    Call call;
    call.fd = open(false);
    call.transfer(0, 0, 0, nullptr);
    call.perf = &perf;
    call.prepare().run();
    EXPECT_EQ(perf._submit._max_usec, 0);
    EXPECT_EQ(perf._complete._avg_usec, 0);
    EXPECT_EQ(perf._e2e_rate_GB, 0);
    close(call.fd);
}

TEST_F(Contexts, HaveTheKernelsContextAndVectorsOfTheDepth)
{
    const aio_context context(8192, 5);
    EXPECT_EQ(context._block_size, 8192);
    EXPECT_EQ(context._queue_depth, 5);
    ASSERT_EQ(context._iocbs.size(), 5u);
    ASSERT_EQ(context._io_events.size(), 5u);
    static const iocb zero{};
    for (const auto* iocb : context._iocbs) { EXPECT_EQ(memcmp(iocb, &zero, sizeof zero), 0); }
    io_event event;
    EXPECT_EQ(io_getevents(context._io_ctxt, 0, 1, &event, nullptr), 0);
}

TEST_F(Contexts, LeaveNothingBehind)
{
    {
        const aio_context first(4096, 8);
    }
    const int descriptors = open_descriptors();
    const auto memory = [] {
        std::ifstream status("/proc/self/statm");
        int64_t size;
        status >> size;
        return size * sysconf(_SC_PAGESIZE);
    };
    const int64_t before = memory();
    for (int i = 0; i < 10000; ++i) {
        const aio_context context(4096, 8);
        ASSERT_EQ(context._queue_depth, 8);
        dsaio_queue* queue = nullptr;
        ASSERT_EQ(dsaio_queue_new(8, &queue), 0);
        dsaio_queue_free(queue);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    // A kernel context maps at least one page, and 10,000 of them 40 MB.
    EXPECT_LT(memory() - before, 16 << 20);
}

TEST_F(Contexts, ChildOfAForkDestroysWhatItsParentUses)
{
    Call call;
    call.fd = open(false);
    call.prepare();
    const auto [status, text] = in_a_child([&] {
        call.context.reset();
        return 0;
    });
    EXPECT_EQ(status, 0) << text;
    call.run();
    close(call.fd);
    std::vector<char> contents;
    regular_read(file_->path().c_str(), contents);
    EXPECT_EQ(contents, call.buffer);
}

TEST_F(Contexts, OfManyThreadsWorkAtOnce)
{
    const int fd = open(false);
    ASSERT_EQ(ftruncate(fd, 8 * 16384), 0);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&, thread] {
            for (int round = 0; round < 20; ++round) {
                Call call;
                call.fd = fd;
                call.context = std::make_unique<aio_context>(4096, 1 + (thread + round) % 3);
                std::fill(call.buffer.begin(), call.buffer.end(), 'a' + thread);
                call.transfer(thread * 16384, 0, call.buffer.size(), call.buffer.data());
                call.prepare().run();
            }
        });
    }
    for (auto& thread : threads) { thread.join(); }
    close(fd);
    std::vector<char> contents;
    regular_read(file_->path().c_str(), contents);
    for (int thread = 0; thread < 8; ++thread) {
        const std::string expected(3 * 4096 + 100, static_cast<char>('a' + thread));
        EXPECT_EQ(std::string(&contents[thread * 16384], expected.size()), expected);
    }
}

TEST_F(Contexts, ChildOfAForkDuringTransfersCanUseNone)
{
    const int fd = open(false);
    ASSERT_EQ(ftruncate(fd, 4 * 16384), 0);
    std::atomic<bool> stop{false};
    std::vector<Call> calls(4);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < calls.size(); ++i) {
        Call& call = calls[i];
        call.fd = fd;
        call.transfer(i * 16384, 0, call.buffer.size(), call.buffer.data());
        call.prepare();
        threads.emplace_back([&call, &stop, i] {
            for (int round = 0; !stop; ++round) {
                std::fill(call.buffer.begin(), call.buffer.end(), static_cast<char>(round + i));
                call.run();
            }
        });
    }
    for (int child = 0; child < 20; ++child) {
        EXPECT_EXIT(calls[child % calls.size()].run(), testing::KilledBySignal(SIGABRT),
                    "^deepspeed_aio_common: do_aio_operation_sequential: aio_ctxt was made by "
                    "process [0-9]+ and this is process [0-9]+; [^\n]*\n$");
    }
    stop = true;
    for (auto& thread : threads) { thread.join(); }
    close(fd);
    std::vector<char> contents;
    regular_read(file_->path().c_str(), contents);
    for (size_t i = 0; i < calls.size(); ++i) {
        EXPECT_EQ(memcmp(&contents[i * 16384], calls[i].buffer.data(), calls[i].buffer.size()), 0);
    }
}

}  // namespace
