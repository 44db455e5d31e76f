// Many locked buffers at once: what they cost together, and at the limit of mappings.

#include "support/child.h"
#include "support/memory_state.h"

#include <gtest/gtest.h>

#include <deepspeed_aio_utils.h>

#include <sys/syscall.h>
#include <cstdlib>

namespace {

int64_t status(const char* name) { return proc_value("/proc/self/status", name); }

TEST(Many, CostWhatIsPromised)
{
    std::string reason;
    if (!may_lock(1300 * MiB, reason)) { GTEST_SKIP() << reason; }
    const int64_t page = sysconf(_SC_PAGESIZE), huge = huge_page_size();
    const int64_t sizes[] = {1,           page,    page + 1,    64 << 10,    MiB,
                             2 * MiB - 1, 2 * MiB, 2 * MiB + 1, 3 * MiB - 1, 3 * MiB};
    const int64_t locked = locked_bytes(), resident = resident_bytes(),
                  address_space = status("VmSize"), mapped = mappings();
    std::vector<std::pair<void*, int64_t>> buffers;
    int64_t pages = 0, most_resident = 0, most_address_space = 64 * MiB;
    for (int i = 0; i < 1000; ++i) {
        const int64_t size = sizes[i % std::size(sizes)];
        buffers.emplace_back(ds_page_aligned_alloc(size, true), size);
        ASSERT_NE(buffers.back().first, nullptr) << i;
        pages += (size + page - 1) / page;
        // malloc touches two pages. With "always" the kernel may make those huge.
        const int64_t unit = huge > 0 && size >= huge ? huge : page;
        most_resident +=
            (size + unit - 1) / unit * unit + 2 * (thp_mode() == "always" ? huge : page);
        // The alignment, and a part of a huge page or, for a mapping of its own, 64 MiB.
        const int64_t own = kernel_collapses() ? size + huge : 64 * MiB;
        most_address_space += unit == huge ? own + huge + 2 * page : size + 2 * page;
    }
    EXPECT_EQ(locked_bytes() - locked, pages * page);
    EXPECT_GE(resident_bytes() - resident, pages * page);
    EXPECT_LT(resident_bytes() - resident, most_resident + MiB);
    EXPECT_LT(status("VmSize") - address_space, most_address_space);
    // A locked buffer that is not at the end of its mapping makes three of it; neighbours share
    // one. So does the part of a huge page that is not locked.
    EXPECT_LT(mappings() - mapped, 3 * 1000);

    // First every second one: not in the order in which they were allocated.
    for (const size_t first : {0, 1}) {
        for (size_t i = first; i < buffers.size(); i += 2) {
            EXPECT_EQ(munlock(buffers[i].first, buffers[i].second), 0);
            free(buffers[i].first);
        }
    }
    EXPECT_EQ(locked_bytes(), locked);
    // What malloc keeps is not the buffers'. It gives back whole pages alone.
    malloc_trim(0);
    EXPECT_LT(resident_bytes() - resident, 256 * page);
    EXPECT_LT(status("VmSize") - address_space, 64 * MiB);
    // A heap whose end is locked when it grows gets one mapping more, as it does with larger pages.
    EXPECT_LT(mappings() - mapped, page == 4096 ? 20 : 100);
}

// Mappings that one process may have; -1 where it is not known.
int64_t most_mappings()
{
    std::ifstream in("/proc/sys/vm/max_map_count");
    int64_t count = -1;
    in >> count;
    return count;
}

// Whether the original could lock so much.
bool can_lock(int64_t size)
{
    void* memory = nullptr;
    if (posix_memalign(&memory, sysconf(_SC_PAGESIZE), size) != 0) { return false; }
    const bool locked = mlock(memory, size) == 0;
    munlock(memory, size);
    free(memory);
    return locked;
}

// Allocates with room for ever more mappings, from none on. Bits of the answer: 1 no buffer where
// the original has one, 2 not all of it resident or locked, 4 something left behind, 8 never a
// buffer without a mapping of its own, 16 never one with it.
int at_the_limit(bool collapses)
{
    const int64_t page = sysconf(_SC_PAGESIZE);
    const size_t length = most_mappings() * page;
    auto* region = static_cast<char*>(
        mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (region == MAP_FAILED) { return cannot_run; }
    if (!collapses && !make_fail(SYS_madvise, EINVAL, collapse)) { return cannot_run; }
    // Every second page is a mapping of its own, and so is what is between them.
    char* end = region + page;
    while (end < region + length && mprotect(end, page, PROT_READ) == 0) { end += 2 * page; }
    if (end >= region + length || errno != ENOMEM) { return cannot_run; }
    munmap(end, region + length - end);

    int answer = 8 | 16;
    for (int room = 0; room < 12; ++room) {
        for (const int64_t size : {2 * MiB, 3 * MiB}) {
            const bool expected = can_lock(size);
            const int64_t data = status("VmData");
            void* memory = ds_page_aligned_alloc(size, true);
            if (memory == nullptr) {
                answer |= expected ? 1 : 0;
            } else {
                answer &= status("VmData") - data > 64 * MiB ? ~16 : ~8;
                if (resident_pages(memory, size) * page != size || locked_bytes() != size) {
                    answer |= 2;
                }
                munlock(memory, size);
                free(memory);
            }
            if (locked_bytes() != 0 || status("VmData") - data > 8 * MiB) { answer |= 4; }
        }
        end -= page;
        munmap(end, page);
    }
    return answer;
}

TEST(Many, MappingsLeaveTheOriginalsBuffer)
{
    std::string reason;
    if (!may_lock(64 * MiB, reason)) { GTEST_SKIP() << reason; }
    if (most_mappings() > 2 << 20) { GTEST_SKIP() << "vm.max_map_count is too high to get there"; }
    for (const bool collapses : {false, true}) {
        if (collapses && !kernel_collapses()) { continue; }
        const int found = in_a_child([=] { return at_the_limit(collapses); }).status;
        if (found == cannot_run) { GTEST_SKIP() << "mappings cannot be used up here"; }
        EXPECT_EQ(found, !collapses && own_mappings() ? 0 : 16) << collapses;
    }
}

}  // namespace
