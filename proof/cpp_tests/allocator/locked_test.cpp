// What ds_page_aligned_alloc(size, true) promises, as the kernel sees it.

#include "support/child.h"
#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <algorithm>
#include <bitset>
#include <filesystem>

namespace {

class Locked : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string reason;
        if (!may_lock(1100 * MiB, reason)) { GTEST_SKIP() << reason; }
    }
    static void release(void* memory, int64_t size)
    {
        EXPECT_EQ(munlock(memory, size), 0);
        free(memory);
    }
};

TEST_F(Locked, EveryPageIsResidentAndLocked)
{
    const int64_t page = sysconf(_SC_PAGESIZE);
    // Below and above each limit of the plan: huge pages, own mappings, threads.
    for (const int64_t size : {page, 2 * MiB - 1, 2 * MiB, 3 * MiB - 1, 3 * MiB, 32 * MiB,
                               32 * MiB + 1, 64 * MiB + 1, 66 * MiB + 4096, 300 * MiB + 1}) {
        const int64_t before = locked_bytes();
        void* memory = ds_page_aligned_alloc(size, true);
        ASSERT_NE(memory, nullptr) << size;
        const int64_t pages = (size + page - 1) / page;
        EXPECT_EQ(resident_pages(memory, size), pages) << size;
        EXPECT_EQ(locked_bytes() - before, pages * page) << size;
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % page, 0u) << size;
        release(memory, size);
        EXPECT_EQ(locked_bytes(), before) << size;
    }
}

TEST_F(Locked, LargeBuffersAreOnHugePages)
{
    if (thp_mode() == "" || thp_mode() == "never") {
        GTEST_SKIP() << "transparent huge pages are off (" << thp_mode()
                     << "); set /sys/kernel/mm/transparent_hugepage/enabled to madvise";
    }
    const int64_t huge = huge_page_size();
    if (huge > 32 * MiB) { GTEST_SKIP() << "huge pages of " << huge << " bytes are not used"; }
    const int64_t size = 256 * MiB + huge / 2;
    void* memory = ds_page_aligned_alloc(size, true);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % huge, 0u);
    // Fragmented memory may leave a few small ones.
    EXPECT_GE(huge_bytes(memory, size), 192 * MiB);
    release(memory, size);
    if (!own_mappings() && !(small_ones_are_huge() && kernel_collapses())) { return; }
    for (const int64_t small : {2 * MiB, 7 * MiB, 64 * MiB}) {
        memory = ds_page_aligned_alloc(small, true);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % huge, 0u) << small;
        EXPECT_GE(huge_bytes(memory, small), small / 2) << small;
        release(memory, small);
    }
}

TEST_F(Locked, AnUnlockedBufferStaysUntouched)
{
    const long before = faults(RUSAGE_SELF);
    void* memory = ds_page_aligned_alloc(512 * MiB, false);
    EXPECT_LT(faults(RUSAGE_SELF) - before, 100);
    EXPECT_LT(resident_pages(memory, 512 * MiB), 1024);
    free(memory);
}

unsigned current_node()
{
    unsigned cpu = 0, node = 0;
    syscall(SYS_getcpu, &cpu, &node, nullptr);
    return node;
}

// The nodes of some pages; none where the kernel does not tell.
std::vector<int> nodes_of_pages(char* memory, int64_t size)
{
    std::vector<void*> pages;
    // Neither all even nor all odd ones, of whichever size.
    for (int64_t at = 0; at < size; at += 2 * MiB + sysconf(_SC_PAGESIZE)) {
        pages.push_back(memory + at);
    }
    std::vector<int> nodes(pages.size(), -1);
    const long result =
        syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, nodes.data(), 0);
    return result == 0 ? nodes : std::vector<int>();
}

constexpr int64_t size = 300 * MiB;

// First touch decides where pages are: on the node that the caller runs on, though it may leave it.
TEST_F(Locked, PagesAreOnTheCallersNode)
{
    cpu_set_t allowed;
    ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    std::set<unsigned> done;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed)) { continue; }
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        const unsigned node = current_node();
        ASSERT_EQ(sched_setaffinity(0, sizeof allowed, &allowed), 0);
        if (done.count(node) > 0) { continue; }

        auto* memory = static_cast<char*>(ds_page_aligned_alloc(size, true));
        ASSERT_NE(memory, nullptr);
        const std::vector<int> nodes = nodes_of_pages(memory, size);
        const int error = errno;
        release(memory, size);
        if (nodes.empty()) {
            GTEST_SKIP() << "move_pages cannot be asked here: " << strerror(error);
        }
        // A caller that the scheduler moved meanwhile says nothing; another processor will.
        if (current_node() != node) { continue; }
        done.insert(node);
        for (const int where : nodes) { EXPECT_EQ(where, static_cast<int>(node)); }
    }
    EXPECT_FALSE(done.empty());
}

// The caller's memory policy goes before that; helper threads have it too.
TEST_F(Locked, PagesAreWhereTheMemoryPolicyPutsThem)
{
    constexpr int most = 1024;
    using Nodes = std::bitset<most>;
    Nodes all;
    const char* const reason = "memory policies are not for this process";
    if (syscall(SYS_get_mempolicy, nullptr, &all, most, nullptr, MPOL_F_MEMS_ALLOWED) != 0) {
        GTEST_SKIP() << reason;
    }
    const auto allocate = [&](int mode, const Nodes& nodes) {
        if (syscall(SYS_set_mempolicy, mode, &nodes, most) != 0) { return std::vector<int>(); }
        auto* memory = static_cast<char*>(ds_page_aligned_alloc(size, true));
        EXPECT_NE(memory, nullptr);
        const std::vector<int> where = nodes_of_pages(memory, size);
        release(memory, size);
        syscall(SYS_set_mempolicy, MPOL_DEFAULT, nullptr, 0);
        return where;
    };
    const std::vector<int> spread = allocate(MPOL_INTERLEAVE, all);
    if (spread.empty()) { GTEST_SKIP() << reason; }
    for (int node = 0; node < most; ++node) {
        if (!all[node]) { continue; }
        EXPECT_GT(std::count(spread.begin(), spread.end(), node), spread.size() / all.count() / 2);
        const std::vector<int> bound = allocate(MPOL_BIND, Nodes().set(node));
        EXPECT_EQ(std::count(bound.begin(), bound.end(), node), spread.size());
    }
}

size_t tasks()
{
    size_t n = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        n += task.exists();
    }
    return n;
}

TEST_F(Locked, NoThreadIsLeftBehind)
{
    void* memory = ds_page_aligned_alloc(1024 * MiB, true);
    ASSERT_NE(memory, nullptr);
    // The kernel wakes the joining thread a moment before the entry in /proc goes.
    for (int i = 0; i < 100 && tasks() != 1; ++i) { usleep(1000); }
    EXPECT_EQ(tasks(), 1u);
    release(memory, 1024 * MiB);
}

TEST_F(Locked, NothingLeaksOverManyRounds)
{
    release(ds_page_aligned_alloc(34 * MiB, true), 34 * MiB);
    const int64_t locked = locked_bytes();
    const int64_t mapped = proc_value("/proc/self/status", "VmSize");
    for (int round = 0; round < 100; ++round) {
        for (const int64_t size : {2 * MiB, 3 * MiB, 34 * MiB}) {
            void* memory = ds_page_aligned_alloc(size, true);
            ASSERT_NE(memory, nullptr);
            *static_cast<char*>(memory) = 1;
            release(memory, size);
        }
    }
    EXPECT_EQ(locked_bytes(), locked);
    // With helper threads, whose stacks could leak too.
    for (int round = 0; round < 8; ++round) {
        release(ds_page_aligned_alloc(256 * MiB, true), 256 * MiB);
    }
    EXPECT_EQ(locked_bytes(), locked);
    // A leak would be 3 GiB; malloc keeps an arena, and glibc some stacks.
    EXPECT_LT(proc_value("/proc/self/status", "VmSize") - mapped, 256 * MiB);
}

TEST_F(Locked, ABufferSurvivesAFork)
{
    for (const int64_t size : {3 * MiB, 300 * MiB}) {
        auto* memory = static_cast<char*>(ds_page_aligned_alloc(size, true));
        ASSERT_NE(memory, nullptr);
        memory[0] = memory[size - 1] = 1;
        const int64_t pages = size / sysconf(_SC_PAGESIZE);
        const auto [status, text] = in_a_child([=] {
            // The contents are inherited, the lock is not; the child may allocate on its own.
            const bool inherited = memory[0] == 1 && memory[size - 1] == 1 && locked_bytes() == 0;
            memory[0] = 2;
            free(memory);
            void* own = ds_page_aligned_alloc(size, true);
            return inherited && own != nullptr && resident_pages(own, size) == pages ? 0 : 1;
        });
        EXPECT_EQ(status, 0) << size << " " << text;
        EXPECT_EQ(memory[0], 1) << size;
        EXPECT_GE(locked_bytes(), size) << size;
        release(memory, size);
    }
}

}  // namespace
