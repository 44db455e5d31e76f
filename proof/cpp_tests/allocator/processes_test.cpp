// Locked buffers of one huge page to 32 MiB. malloc may serve these from its heap, where the kernel
// makes huge pages without advice. One that does not (before Linux 6.1) has them in mappings of
// their own, where that costs address space alone; in other processes the buffers are the
// original's there.

#include "support/child.h"
#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <malloc.h>
#include <sys/syscall.h>
#include <thread>

namespace {

constexpr int mcl_onfault = 4;  // MCL_ONFAULT, since glibc 2.27

int64_t status(const char* name) { return proc_value("/proc/self/status", name); }

bool limit(__rlimit_resource resource)
{
    const rlimit lots{rlim_t(1) << 45, rlim_t(1) << 45};
    return setrlimit(resource, &lots) == 0;
}

// A hole in the heap that is large enough for the mapping.
bool leave_a_hole()
{
    std::vector<void*> chunks;
    for (int i = 0; i < 2000; ++i) { chunks.push_back(malloc(100000)); }
    for (size_t i = 0; i + 1 < chunks.size(); ++i) { free(chunks[i]); }
    return true;
}

// A heap with as much free at its end as malloc ever leaves there, as in processes that allocate
// and free tensors: nearly twice the largest request that it does not map.
bool leave_an_end()
{
    // Volatile, so that the compiler leaves no call out. The first one raises the threshold.
    void* volatile chunk = malloc(31 * MiB);
    free(chunk);
    chunk = malloc(30 * MiB);
    void* volatile next = malloc(30 * MiB);
    free(chunk);
    free(next);
    return mallinfo2().keepcost > size_t(59 * MiB);
}

// A forked child's heap goes on in a mapping of its own, and no huge page is in both.
bool leave_the_parents_heap()
{
    if (sbrk(4 * MiB) == reinterpret_cast<void*>(-1)) { return false; }
    // malloc finds that out, and counts it, when the heap grows.
    void* volatile chunks[] = {malloc(100000), malloc(100000)};
    for (void* chunk : chunks) { free(chunk); }
    return true;
}

struct Process {
    const char* name;
    bool (*prepare)();
    bool own_mapping;        // where the kernel does not collapse
    bool in_thread = false;  // a thread has a heap of its own
};

const Process processes[] = {
    {"Plain", [] { return true; }, true},
    {"PlainThread", [] { return true; }, true, true},
    {"MmapThreshold", [] { return mallopt(M_MMAP_THRESHOLD, 1 << 30) == 1; }, false},
    {"MmapMax", [] { return mallopt(M_MMAP_MAX, 0) == 1; }, false},
    // The heap of a thread has no room for it, so malloc maps it all the same.
    {"MmapMaxThread", [] { return mallopt(M_MMAP_MAX, 0) == 1; }, true, true},
    {"End", leave_an_end, true},
    {"Hole", leave_a_hole, false},
    {"Perturb", [] { return mallopt(M_PERTURB, 0x55) == 1; }, false},
    {"LockAll", [] { return mlockall(MCL_FUTURE) == 0; }, false},
    {"LockAllOnFault", [] { return mlockall(MCL_FUTURE | mcl_onfault) == 0; }, false},
    {"LimitOfAddressSpace", [] { return limit(RLIMIT_AS); }, false},
    {"LimitOfData", [] { return limit(RLIMIT_DATA); }, false},
};

std::ostream& operator<<(std::ostream& out, const Process& process) { return out << process.name; }

void expect(bool good, const char* what, int64_t size, int64_t found)
{
    if (!good) { fprintf(stderr, "%ld bytes: %s: %ld\n", long(size), what, long(found)); }
}

// How the pages of a buffer become huge.
struct Expected {
    bool collapsed;    // in the heap
    bool own_mapping;  // where malloc would have it in the heap
    bool locks_all;
    bool in_thread;
};

// Complains on stderr of a buffer that costs more than it should, while it lives or afterwards.
void check(int64_t size, const Expected& expected)
{
    const int64_t page = sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page;
    // Alignment, a part of a huge page at the end, and what the heap grows by beyond that.
    const int64_t most = size + 3 * MiB + 256 * 1024;
    const int64_t locked = status("VmLck"), resident = resident_bytes(), used = in_use();
    const auto mapped_before = mallinfo2().hblks;
    const long before = faults(RUSAGE_SELF);
    void* memory = ds_page_aligned_alloc(size, true);
    const int64_t touched = faults(RUSAGE_SELF) - before;
    const int64_t now_locked = status("VmLck") - locked;
    const int64_t now_resident = resident_bytes() - resident;
    const int64_t now_used = in_use() - used;
    const bool mapped = mallinfo2().hblks > mapped_before;
    expect(memory != nullptr, "no buffer", size, errno);
    expect(resident_pages(memory, size) == pages, "resident pages", size,
           resident_pages(memory, size));
    expect(now_locked == pages * page ||
               (expected.locks_all && now_locked > size && now_locked < most),
           "locked", size, now_locked);
    expect(now_resident < most, "resident", size, now_resident);
    expect(touched < most / page + 200, "touched", size, touched);
    expect(now_used < (expected.own_mapping ? 68 * MiB : most), "in use", size, now_used);
    // Advice would stay in the heap.
    const bool advised = expected.own_mapping || (expected.collapsed && mapped);
    expect(is_advised(memory) == advised, "advised", size, is_advised(memory));
    // Where all memory is locked, the buffer makes no mapping that could be looked at.
    if (expected.collapsed && !mapped && !expected.locks_all) {
        expect(huge_bytes(memory, size) > size / 2, "huge", size, huge_bytes(memory, size));
    }
    munlock(memory, size);
    free(memory);
    // What malloc keeps is not the buffer's. It keeps the end of a thread's heap in any case.
    malloc_trim(0);
    const int64_t kept = expected.in_thread && !expected.own_mapping ? size + MiB : 0;
    expect(status("VmLck") - locked < MiB / 2, "locked afterwards", size, status("VmLck") - locked);
    expect(resident_bytes() - resident < kept + MiB, "resident afterwards", size,
           resident_bytes() - resident);
    expect(in_use() - used < MiB, "in use afterwards", size, in_use() - used);
}

class Processes : public testing::TestWithParam<Process> {};

// In a child process.
void pay_for_the_buffer_alone(const Process& process, bool collapses)
{
    std::string reason;
    if (!may_lock(256 * MiB, reason)) { GTEST_SKIP() << reason; }
    const bool locks_all = std::string(process.name).rfind("LockAll", 0) == 0;
    const Expected expected{collapses && small_ones_are_huge(),
                            !collapses && process.own_mapping && own_mappings(), locks_all,
                            process.in_thread};
    const auto checks = [=] {
        if (!collapses && !make_fail(SYS_madvise, EINVAL, collapse)) { return cannot_run; }
        if (!leave_the_parents_heap() || !process.prepare()) { return cannot_run; }
        const auto run = [=] {
            // The first buffer finds out, and what malloc sets up once is not the buffer's.
            dsaio_free(ds_page_aligned_alloc(8 * MiB, true), 8 * MiB);
            for (const int64_t size : {2 * MiB, 3 * MiB, 8 * MiB + 1, 32 * MiB}) {
                // Other huge pages than of 2 MiB would be the whole buffer.
                if (huge_page_size() <= 2 * MiB || size < huge_page_size()) {
                    check(size, expected);
                }
            }
        };
        if (process.in_thread) {
            std::thread(run).join();
        } else {
            run();
        }
        return 0;
    };
    const auto [status, text] = in_a_child(checks);
    if (status == cannot_run) { GTEST_SKIP() << "this process may not be prepared so"; }
    EXPECT_EQ(status, 0);
    EXPECT_EQ(text, "");
}

TEST_P(Processes, PayForTheBufferAlone)
{
    if (!kernel_collapses()) { GTEST_SKIP() << "this kernel has no MADV_COLLAPSE (Linux 6.1)"; }
    pay_for_the_buffer_alone(GetParam(), true);
}

TEST_P(Processes, AlsoWhereTheKernelDoesNotCollapse)
{
    pay_for_the_buffer_alone(GetParam(), false);
}

// As with the original, the caller's munlock() unlocks the buffer's size, and nothing else in the
// heap.
TEST(Processes, KeepTheirOwnLocks)
{
    std::string reason;
    if (!may_lock(256 * MiB, reason)) { GTEST_SKIP() << reason; }
    const int64_t size = 3 * MiB;
    const auto [status, text] = in_a_child([=] {
        if (!leave_an_end() || mlockall(MCL_CURRENT | MCL_FUTURE) != 0) { return cannot_run; }
        const int64_t before = locked_bytes();
        void* memory = ds_page_aligned_alloc(size, true);
        expect(locked_bytes() == before, "locked", size, locked_bytes() - before);
        munlock(memory, size);
        free(memory);
        expect(before - locked_bytes() == size, "unlocked", size, before - locked_bytes());
        return 0;
    });
    if (status == cannot_run) { GTEST_SKIP() << "this process may not be prepared so"; }
    EXPECT_EQ(status, 0);
    EXPECT_EQ(text, "");
}

INSTANTIATE_TEST_SUITE_P(Of, Processes, testing::ValuesIn(processes),
                         [](const auto& info) { return info.param.name; });

}  // namespace
