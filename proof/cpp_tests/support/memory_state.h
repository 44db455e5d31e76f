#pragma once

// What the kernel says of memory: the tests' own view of what the allocator did.

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

inline constexpr int64_t MiB = 1 << 20;

// A "Name:   123 kB" line of a file of /proc, in bytes; -1 where there is none.
inline int64_t proc_value(const std::string& file, const std::string& name)
{
    std::ifstream in(file);
    for (std::string word; in >> word;) {
        if (word == name + ":") {
            int64_t kib = -1;
            in >> kib;
            return kib * 1024;
        }
    }
    return -1;
}

// Memory that malloc has given out and not got back, in bytes. It varies a little by itself, by
// what malloc keeps for the thread; far less than by a buffer.
inline int64_t in_use()
{
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// All that is resident. VmRSS is not exact: kernels count it late, by up to 64 pages of each thread
// before Linux 6.2, and by pages of each processor since then.
inline int64_t resident_bytes() { return proc_value("/proc/self/smaps_rollup", "Rss"); }

inline int64_t locked_bytes() { return proc_value("/proc/self/status", "VmLck"); }

// Bytes of the range that lie on huge pages, by /proc/self/smaps. Counts whole mappings that begin
// inside the range: the allocator's advice gives the range mappings of its own.
inline int64_t huge_bytes(const void* start, int64_t size)
{
    const auto first = reinterpret_cast<uintptr_t>(start);
    std::ifstream in("/proc/self/smaps");
    int64_t total = 0;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        uintptr_t begin = 0, end = 0;
        long kib = 0;
        if (sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
            inside = begin >= first && begin < first + size;
        } else if (inside && sscanf(line.c_str(), "AnonHugePages: %ld kB", &kib) == 1) {
            total += kib * 1024;
        }
    }
    return total;
}

// Whether the mapping that an address is in was advised to use huge pages.
inline bool is_advised(const void* address)
{
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    std::ifstream in("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        uintptr_t begin = 0, end = 0;
        if (sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
            inside = begin <= wanted && wanted < end;
        } else if (inside && line.rfind("VmFlags:", 0) == 0) {
            return line.find(" hg") != std::string::npos;
        }
    }
    return false;
}

inline int64_t mappings()
{
    std::ifstream in("/proc/self/maps");
    int64_t lines = 0;
    for (std::string line; std::getline(in, line);) { ++lines; }
    return lines;
}

inline int64_t resident_pages(void* start, int64_t size)
{
    const int64_t page = sysconf(_SC_PAGESIZE);
    std::vector<unsigned char> flags((size + page - 1) / page);
    if (mincore(start, size, flags.data()) != 0) { return -1; }
    int64_t resident = 0;
    for (const unsigned char flag : flags) { resident += flag & 1; }
    return resident;
}

// The mode of transparent huge pages: "always", "madvise", "never", or "" where there are none.
inline std::string thp_mode()
{
    std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
    for (std::string word; in >> word;) {
        if (word.front() == '[') { return word.substr(1, word.size() - 2); }
    }
    return "";
}

inline int64_t huge_page_size()
{
    std::ifstream in("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
    int64_t size = 0;
    in >> size;
    return size;
}

inline constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, since Linux 5.14

// Whether the kernel makes huge pages of memory without advice: MADV_COLLAPSE, since Linux 6.1.
inline constexpr int collapse = 25;
inline bool kernel_collapses() { return madvise(nullptr, 0, collapse) == 0; }

// Whether locked buffers of 2 to 64 MiB get huge pages.
inline bool small_ones_are_huge()
{
    return thp_mode() != "" && thp_mode() != "never" && huge_page_size() == 2 * MiB;
}

// Where the kernel does not collapse: whether they get mappings of their own for that.
inline bool own_mappings()
{
    rlimit address_space{}, data{};
    getrlimit(RLIMIT_AS, &address_space);
    getrlimit(RLIMIT_DATA, &data);
    std::ifstream file("/proc/sys/vm/overcommit_memory");
    int overcommit = 2;
    file >> overcommit;
    return small_ones_are_huge() && overcommit != 2 && address_space.rlim_cur == RLIM_INFINITY &&
           data.rlim_cur == RLIM_INFINITY;
}

// Whether this process may lock so much; where it may not, `reason` says why.
inline bool may_lock(int64_t size, std::string& reason)
{
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool allowed = mlock2(memory, size, MLOCK_ONFAULT) == 0;
    munmap(memory, size);
    if (!allowed) {
        reason = "this process may not lock " + std::to_string(size) +
                 " bytes; raise RLIMIT_MEMLOCK (ulimit -l) or grant CAP_IPC_LOCK";
    }
    return allowed;
}

// Page faults of the process, and those of the calling thread alone.
inline long faults(int who)
{
    rusage usage{};
    getrusage(who, &usage);
    return usage.ru_minflt;
}
