#include "faults/memory.h"
#include "faults/transfer.h"

#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr unsigned char overwritten = 0xee;

void* map(void* at, int64_t size, int protection, int flags, int fd)
{
    void* memory = mmap(at, size, protection, flags, fd, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        abort();
    }
    return memory;
}

}  // namespace

Memory::Memory(const Case& fault_case) : case_(fault_case), shift_(fault_case.memory_shift)
{
    const int64_t page = 4096;
    size_ = (front + shift_ + case_.num_bytes + back + page - 1) / page * page;
    // Behind it nothing is mapped, whatever a transfer does there.
    region_ = static_cast<char*>(
        map(nullptr, size_ + GiB / 8, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
    constexpr int both = PROT_READ | PROT_WRITE;
    if (case_.folded) {
        const int fd = memfd_create("fold", 0);
        if (ftruncate(fd, fold) != 0) { abort(); }
        for (; size_ - cut_ > 2 * fold; cut_ += fold) {
            map(region_ + cut_, fold, both, MAP_SHARED | MAP_FIXED, fd);
        }
        close(fd);
    }
    const int fd = memfd_create("memory", 0);
    if (ftruncate(fd, size_ - cut_) != 0) { abort(); }
    map(region_ + cut_, size_ - cut_, both, MAP_SHARED | MAP_FIXED, fd);
    view_ = static_cast<unsigned char*>(map(nullptr, size_ - cut_, both, MAP_SHARED, fd));
    close(fd);
    kept_ = static_cast<unsigned char*>(
        map(nullptr, size_ - cut_ + page, both, MAP_SHARED | MAP_ANONYMOUS, -1));
    sealed_ = reinterpret_cast<bool*>(kept_ + size_ - cut_);
}

bool Memory::is_inside(int64_t index) const
{
    const int64_t position = index - front - shift_;
    return position >= 0 && position < case_.num_bytes;
}

unsigned char Memory::expected(int64_t index, bool before) const
{
    const int64_t position = case_.file_offset + index - front - shift_;
    // Around a write's memory are bytes that the file must not have.
    if (!is_inside(index)) { return static_cast<unsigned char>(old_byte(position) ^ 0x55); }
    return case_.read_op && before ? old_byte(position) : moved_byte(position);
}

void Memory::fill()
{
    for (int64_t i = cut_; i < size_; ++i) { view_[i - cut_] = expected(i, true); }
}

void Memory::seal(int64_t start, int64_t end)
{
    const int64_t from = std::max(front + shift_ + start - cut_, int64_t(0));
    const int64_t size = front + shift_ + end - cut_ - from;
    memcpy(kept_ + from, view_ + from, size);
    memset(view_ + from, overwritten, size);
    *sealed_ = true;
}

int64_t Memory::wrong_bytes(bool complete, int64_t& first) const
{
    int64_t wrong = 0;
    for (int64_t i = cut_; i < size_; ++i) {
        const bool inside = is_inside(i);
        const bool changed_later = inside && *sealed_ && view_[i - cut_] != overwritten;
        const bool good = (inside && !complete) || after_transfer(i) == expected(i, false);
        if (good && !changed_later) { continue; }
        if (wrong++ == 0) { first = i - front - shift_; }
    }
    return wrong;
}

int64_t Memory::read_bytes() const
{
    int64_t i = std::max(front + shift_, cut_);
    while (is_inside(i) && after_transfer(i) == expected(i, false)) { ++i; }
    return i - front - shift_;
}

unsigned char Memory::after_transfer(int64_t index) const
{
    const unsigned char* bytes = is_inside(index) && *sealed_ ? kept_ : view_;
    return bytes[index - cut_];
}
