// How the buffer is populated, seen from inside: this program defines four functions of libc, so
// the library's calls come here first. Each is noted and goes on to the kernel. Speed alone would
// show most of this otherwise, and tests assert no times.

#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstring>
#include <fstream>
#include <mutex>

namespace {

// A thread that populates, when it asks for its processors or populates a piece.
struct Thread {
    bool is_caller;
    cpu_set_t processors;  // what a helper asked for
    sigset_t blocked;
    size_t stack;
    char name[16];
};

struct Piece {
    char* start;
    size_t length;
    int advice;
    Thread by;
};

struct Calls {
    std::vector<Thread> told_processors;
    std::vector<Piece> advised;
    int asked_affinity = 0;
    int asked_huge_pages = 0;
};

std::mutex mutex;
Calls calls;
pthread_t caller;

Thread this_thread()
{
    Thread thread{};
    thread.is_caller = pthread_equal(pthread_self(), caller) != 0;
    pthread_sigmask(SIG_BLOCK, nullptr, &thread.blocked);
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &thread.stack);
    pthread_attr_destroy(&attributes);
    pthread_getname_np(pthread_self(), thread.name, sizeof thread.name);
    return thread;
}

int answer(long result) { return static_cast<int>(result); }

}  // namespace

extern "C" int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t* mask) noexcept
{
    Thread thread = this_thread();
    memcpy(&thread.processors, mask, std::min(size, sizeof thread.processors));
    {
        const std::lock_guard<std::mutex> lock(mutex);
        calls.told_processors.push_back(thread);
    }
    return answer(syscall(SYS_sched_setaffinity, pid, size, mask));
}

extern "C" int sched_getaffinity(pid_t pid, size_t size, cpu_set_t* mask) noexcept
{
    {
        const std::lock_guard<std::mutex> lock(mutex);
        ++calls.asked_affinity;
    }
    memset(mask, 0, size);  // as glibc does with what the kernel leaves alone
    return syscall(SYS_sched_getaffinity, pid, size, mask) < 0 ? -1 : 0;
}

extern "C" int madvise(void* start, size_t length, int advice) noexcept
{
    if (length > 0) {  // none only finds out whether the kernel knows the advice
        const std::lock_guard<std::mutex> lock(mutex);
        calls.advised.push_back({static_cast<char*>(start), length, advice, this_thread()});
    }
    return answer(syscall(SYS_madvise, start, length, advice));
}

extern "C" int open64(const char* path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (strstr(path, "transparent_hugepage") != nullptr) {
        const std::lock_guard<std::mutex> lock(mutex);
        ++calls.asked_huge_pages;
    }
    return answer(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

namespace {

cpu_set_t allowed_processors()
{
    cpu_set_t allowed;
    EXPECT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    return allowed;
}

// Those of them that are on the node that the calling thread runs on.
cpu_set_t processors_of_this_node(const cpu_set_t& allowed)
{
    const std::string nodes = "/sys/devices/system/node/node";
    std::string online;
    std::ifstream("/sys/devices/system/node/online") >> online;
    if (online.find_first_of(",-") == std::string::npos) { return allowed; }
    unsigned cpu = 0, node = 0;
    syscall(SYS_getcpu, &cpu, &node, nullptr);
    cpu_set_t processors;
    CPU_ZERO(&processors);
    for (cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        const std::string there = nodes + std::to_string(node) + "/cpu" + std::to_string(cpu);
        if (CPU_ISSET(cpu, &allowed) && access(there.c_str(), F_OK) == 0) {
            CPU_SET(cpu, &processors);
        }
    }
    return processors;
}

// The calls made for a buffer, and where it lay.
Calls calls_for(int64_t size, bool lock, char** where = nullptr)
{
    // The environment is read once, not for this buffer.
    free(ds_page_aligned_alloc(4096, false));
    caller = pthread_self();
    calls = {};
    void* memory = ds_page_aligned_alloc(size, lock);
    EXPECT_NE(memory, nullptr);
    const Calls made = calls;
    if (where != nullptr) { *where = static_cast<char*>(memory); }
    munlock(memory, size);
    free(memory);
    return made;
}

std::vector<Piece> advised(const Calls& made, int advice)
{
    std::vector<Piece> pieces;
    for (const Piece& piece : made.advised) {
        if (piece.advice == advice) { pieces.push_back(piece); }
    }
    return pieces;
}

class Helpers : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string reason;
        if (!may_lock(size, reason)) { GTEST_SKIP() << reason; }
        const cpu_set_t allowed = allowed_processors();
        if (CPU_COUNT(&allowed) < 2) { GTEST_SKIP() << "there is one processor, so no helper"; }
    }
    const int64_t size = 300 * MiB + sysconf(_SC_PAGESIZE);
};

TEST_F(Helpers, StayOnTheCallersProcessors)
{
    const cpu_set_t allowed = allowed_processors();
    const cpu_set_t here = processors_of_this_node(allowed);
    const Calls made = calls_for(size, true);
    // The scheduler may have moved the caller.
    const cpu_set_t here_now = processors_of_this_node(allowed);
    EXPECT_EQ(made.told_processors.size(), 1u);
    for (const Thread& helper : made.told_processors) {
        EXPECT_FALSE(helper.is_caller);
        EXPECT_TRUE(CPU_EQUAL(&helper.processors, &here) ||
                    CPU_EQUAL(&helper.processors, &here_now));
    }
}

// No signal handler of the program runs on a thread that it does not know of.
TEST_F(Helpers, BlockAllSignalsAndTheCallerItsOwnAlone)
{
    sigset_t own, before, after;
    sigemptyset(&own);
    sigaddset(&own, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &own, &before);
    const Calls made = calls_for(size, true);
    pthread_sigmask(SIG_SETMASK, &before, &after);

    ASSERT_FALSE(made.told_processors.empty());
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        // Two cannot be blocked, and glibc keeps those below SIGRTMIN to itself.
        if (signal == SIGKILL || signal == SIGSTOP || (signal >= 32 && signal < SIGRTMIN)) {
            continue;
        }
        for (const Thread& helper : made.told_processors) {
            EXPECT_EQ(sigismember(&helper.blocked, signal), 1) << strsignal(signal);
        }
        EXPECT_EQ(sigismember(&after, signal), signal == SIGUSR1) << strsignal(signal);
        // Nor is the caller deaf while it works.
        for (const Piece& piece : made.advised) {
            if (!piece.by.is_caller) { continue; }
            EXPECT_EQ(sigismember(&piece.by.blocked, signal), signal == SIGUSR1)
                << strsignal(signal);
        }
    }
}

TEST_F(Helpers, HaveANameAndRoomForThreadLocalStorage)
{
    const Calls made = calls_for(size, true);
    ASSERT_FALSE(made.told_processors.empty());
    for (const Thread& helper : made.told_processors) {
        EXPECT_STREQ(helper.name, "dsaio-populate");
        EXPECT_GE(helper.stack, size_t(256 << 10));
    }
}

TEST_F(Helpers, AndTheCallerPopulateEveryByteOnce)
{
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool known = madvise(page, 4096, populate_write) == 0;
    munmap(page, 4096);
    if (!known) { GTEST_SKIP() << "this kernel has no MADV_POPULATE_WRITE (Linux 5.14)"; }

    char* memory = nullptr;
    std::vector<Piece> pieces = advised(calls_for(size, true, &memory), populate_write);
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.start < b.start; });
    EXPECT_GT(pieces.size(), 1u) << "pieces, so that threads share the work";
    const char* next = memory;
    for (const Piece& piece : pieces) {
        EXPECT_EQ(piece.start, next);
        EXPECT_GT(piece.length, 0u);
        next = piece.start + piece.length;
    }
    EXPECT_EQ(next, memory + size);
}

// Nothing is asked of the kernel that has no use for the buffer.
TEST_F(Helpers, AreNotThoughtOfForOtherBuffers)
{
    for (const auto& [bytes, lock] : {std::pair(255 * MiB, true), std::pair(512 * MiB, false)}) {
        const Calls made = calls_for(bytes, lock);
        EXPECT_EQ(made.asked_affinity, 0) << bytes;
        EXPECT_EQ(made.told_processors.size(), 0u) << bytes;
        EXPECT_EQ(advised(made, populate_write).size(), 0u) << bytes;
    }
    EXPECT_GT(calls_for(size, true).asked_affinity, 0);
}

TEST_F(Helpers, AndHugePagesAreNotThoughtOfForSmallBuffers)
{
    EXPECT_GT(calls_for(64 * MiB, false).asked_huge_pages, 0);
    EXPECT_EQ(calls_for(64 * MiB, false).advised.size(), 0u) << "of those that stay untouched";
    if (huge_page_size() > MiB) { EXPECT_EQ(calls_for(MiB, true).asked_huge_pages, 0); }
    if (huge_page_size() > 32 * MiB) {
        // Those of 512 MiB, with pages of 64 KiB: a buffer that has a whole one wherever it lies.
        const int64_t bytes = 2 * huge_page_size();
        std::string reason;
        if (!may_lock(bytes, reason)) { GTEST_SKIP() << reason; }
        EXPECT_EQ(advised(calls_for(bytes, true), MADV_HUGEPAGE).size(), 0u);
    }
}

class HugePages : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string reason;
        if (!may_lock(70 * MiB, reason)) { GTEST_SKIP() << reason; }
        if (!small_ones_are_huge()) { GTEST_SKIP() << "huge pages are off, or not of 2 MiB"; }
    }
};

// Rounded to whole huge pages. The kernel is not told of a part that is none.
TEST_F(HugePages, AreAdvisedFromTheFirstOneOn)
{
    if (!own_mappings()) { GTEST_SKIP() << "small buffers may have no mappings of their own here"; }
    ASSERT_EQ(mallopt(M_MMAP_THRESHOLD, MiB), 1);
    const std::pair<int64_t, size_t> sizes[] = {
        {2 * MiB - 1, 0},     {2 * MiB, 2 * MiB},   {3 * MiB - 1, 2 * MiB},
        {3 * MiB, 4 * MiB},   {32 * MiB, 32 * MiB}, {32 * MiB + 1, 32 * MiB},
        {35 * MiB, 36 * MiB}, {67 * MiB, 66 * MiB},
    };
    for (const auto& [bytes, length] : sizes) {
        char* memory = nullptr;
        const Calls made = calls_for(bytes, true, &memory);
        const std::vector<Piece> pieces = advised(made, MADV_HUGEPAGE);
        ASSERT_EQ(pieces.size(), length > 0 ? 1u : 0u) << bytes;
        if (length == 0) { continue; }
        EXPECT_EQ(pieces[0].start, memory) << bytes;
        EXPECT_EQ(pieces[0].length, length) << bytes;
        // The lock does the rest.
        EXPECT_EQ(advised(made, populate_write).size(), int64_t(length) > bytes ? 1u : 0u) << bytes;
        EXPECT_EQ(advised(made, collapse).size(), 0u) << bytes;
    }
}

// Made once of what malloc keeps, because the next buffer finds them; now and then again, because
// the kernel may have had none. And where malloc gave the memory back.
TEST_F(HugePages, OfAHeapAreMadeOnce)
{
    if (!kernel_collapses()) { GTEST_SKIP() << "this kernel has no MADV_COLLAPSE (Linux 6.1)"; }
    ASSERT_EQ(mallopt(M_MMAP_THRESHOLD, 32 * MiB), 1);
    ASSERT_EQ(mallopt(M_TRIM_THRESHOLD, 64 * MiB), 1);
    const auto collapsed = [](int64_t bytes, size_t length) {
        char* memory = nullptr;
        const Calls made = calls_for(bytes, true, &memory);
        EXPECT_EQ(advised(made, MADV_HUGEPAGE).size(), 0u) << "which would stay in the heap";
        const std::vector<Piece> pieces = advised(made, collapse);
        for (const Piece& piece : pieces) {
            EXPECT_EQ(piece.start, memory);
            EXPECT_EQ(piece.length, length);
        }
        return pieces.size();
    };
    for (int i = 0; i < 129; ++i) {
        EXPECT_EQ(collapsed(9 * MiB, 10 * MiB), i % 64 == 0 ? 1u : 0u) << i;
    }
    // As a trim does, of which the first page stays.
    char* memory = nullptr;
    calls_for(9 * MiB, true, &memory);
    madvise(memory + MiB, MiB, MADV_DONTNEED);
    EXPECT_EQ(collapsed(5 * MiB - 1, 4 * MiB), 1u);
    EXPECT_EQ(collapsed(5 * MiB - 1, 4 * MiB), 0u);
}

}  // namespace
