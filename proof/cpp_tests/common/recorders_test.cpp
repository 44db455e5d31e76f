// Recorded failures: they reach the recorder of the context that they happened on, and no other.

#include "common/transfer.h"

#include <dsaio_transfer.h>
#include <gtest/gtest.h>

#include <thread>

namespace {

struct Recorder {
    Recorder() { dsaio_recorder_new(&recorder); }
    ~Recorder() { dsaio_recorder_free(recorder); }
    // A call whose context belongs to this recorder, with a descriptor that is none.
    Call call()
    {
        EXPECT_EQ(dsaio_recorder_enter(recorder), 0);
        Call call;
        call.context = std::make_unique<aio_context>(4096, 4);
        EXPECT_EQ(dsaio_recorder_leave(recorder), 0);
        return call;
    }
    int next() { return dsaio_recorder_next(recorder, &failure); }
    dsaio_recorder* recorder = nullptr;
    dsaio_failure failure{};
};

TEST(Recorders, TakeTheFailuresOfTheirContextsOnAnyThread)
{
    Recorder one, two;
    Call first = one.call(), second = two.call();
    first.fd = second.fd = open("/dev/null", O_RDONLY);
    second.overlap = true;
    first.read_op = second.read_op = true;
    first.prepare().run();
    std::thread([&] { second.prepare().run(); }).join();
    first.transfer(8192, 0, 5, first.buffer.data());
    first.run();
    close(first.fd);

    ASSERT_EQ(one.next(), 1);
    EXPECT_NE(one.failure.error, 0);
    EXPECT_TRUE(one.failure.read_op);
    EXPECT_EQ(one.failure.num_bytes, 12388);
    EXPECT_EQ(one.failure.moved, 0);
    EXPECT_STREQ(one.failure.path, "/dev/null");
    EXPECT_NE(std::string(one.failure.message).find("read of 12388 bytes"), std::string::npos);
    ASSERT_EQ(one.next(), 1);
    EXPECT_EQ(one.failure.num_bytes, 5);
    EXPECT_EQ(one.failure.file_offset, 8192);
    EXPECT_EQ(one.next(), 0);
    EXPECT_EQ(two.next(), 1);
    EXPECT_EQ(two.next(), 0);
}

TEST(Recorders, TakeABadDescriptor)
{
    Recorder recorder;
    recorder.call().prepare().run();
    ASSERT_EQ(recorder.next(), 1);
    EXPECT_EQ(recorder.failure.error, EBADF);
    EXPECT_FALSE(recorder.failure.read_op);
}

TEST(Recorders, TakeFilesThatCannotBeOpened)
{
    Recorder recorder;
    ASSERT_EQ(dsaio_recorder_enter(recorder.recorder), 0);
    std::thread([] { open_file("/nonexistent/other", true); }).join();
    errno = 0;
    EXPECT_EQ(open_file("/nonexistent/file", false), -1);
    EXPECT_EQ(errno, ENOENT);
    ASSERT_EQ(dsaio_recorder_leave(recorder.recorder), 0);
    EXPECT_EQ(open_file("/nonexistent/late", true), -1);

    ASSERT_EQ(recorder.next(), 1);
    EXPECT_EQ(recorder.failure.error, ENOENT);
    EXPECT_FALSE(recorder.failure.read_op);
    EXPECT_STREQ(recorder.failure.path, "/nonexistent/file");
    EXPECT_NE(std::string(recorder.failure.message).find("No such file"), std::string::npos);
    EXPECT_EQ(recorder.next(), 0);
}

TEST(Recorders, KeepFilesThatAreOpenedOnTheirThreads)
{
    Recorder recorder;
    ASSERT_EQ(dsaio_recorder_enter(recorder.recorder), 0);
    const int before = open_file("/dev/null", true);
    ASSERT_EQ(dsaio_recorder_keep_files(recorder.recorder), 0);
    const int first = open_file("/dev/null", true), second = open_file("/dev/null", false);
    std::thread([] { close(open_file("/dev/null", true)); }).join();
    ASSERT_EQ(dsaio_recorder_leave(recorder.recorder), 0);
    const int after = open_file("/dev/null", true);
    EXPECT_EQ(dsaio_recorder_next_file(recorder.recorder), first);
    EXPECT_EQ(dsaio_recorder_next_file(recorder.recorder), second);
    EXPECT_EQ(dsaio_recorder_next_file(recorder.recorder), -ENOENT);
    for (int fd : {before, first, second, after}) { EXPECT_EQ(close(fd), 0); }
}

// Contexts of both recorders are constructed, used and destroyed by threads at once, while failures
// are taken.
TEST(Recorders, AreSharedByThreads)
{
    Recorder recorders[2];
    constexpr int num_threads = 6, rounds = 50;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < num_threads; ++thread) {
        threads.emplace_back([&recorders, thread] {
            for (int round = 0; round < rounds; ++round) {
                recorders[thread % 2].call().prepare().run();
            }
        });
    }
    int taken[2] = {};
    const auto take = [&] {
        for (int i = 0; i < 2; ++i) { taken[i] += recorders[i].next(); }
    };
    for (int i = 0; i < 100; ++i) { take(); }
    for (auto& thread : threads) { thread.join(); }
    for (int i = 0; i < num_threads * rounds; ++i) { take(); }
    EXPECT_EQ(taken[0], num_threads / 2 * rounds);
    EXPECT_EQ(taken[1], num_threads / 2 * rounds);
}

TEST(Recorders, ReleasedOnesPrintWhatNobodyTook)
{
    Recorder* recorder = new Recorder;
    recorder->call().prepare().run();
    testing::internal::CaptureStderr();
    delete recorder;
    const std::string line = testing::internal::GetCapturedStderr();
    EXPECT_EQ(line.find("deepspeed_aio_common: write of 12388 bytes"), 0u) << line;
}

TEST(Recorders, ContextsOfReleasedOnesAbort)
{
    EXPECT_EXIT(
        {
            auto* recorder = new Recorder;
            Call call = recorder->call();
            delete recorder;
            call.prepare().run();
            _exit(0);
        },
        testing::KilledBySignal(SIGABRT), "^deepspeed_aio_common: write of 12388 bytes");
}

}  // namespace
