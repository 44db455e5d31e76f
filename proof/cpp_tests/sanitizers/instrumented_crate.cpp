// For programs whose library rustc instrumented.

#include <cstring>

extern "C" {

// Called by the instrumented code, and not in gcc's runtime before version 13. The runtime's
// memcpy() and the like report the same.
__attribute__((weak)) void* __tsan_memcpy(void* to, const void* from, size_t size)
{
    return memcpy(to, from, size);
}

__attribute__((weak)) void* __tsan_memmove(void* to, const void* from, size_t size)
{
    return memmove(to, from, size);
}

__attribute__((weak)) void* __tsan_memset(void* memory, int value, size_t size)
{
    return memset(memory, value, size);
}

// What orders these accesses is in the standard library, which is not instrumented, so that the
// sanitizer does not see it. The allocator's environment, and what malloc is, are kept in
// OnceLocks, often inlined into the function that reads it: its one write comes before all reads.
// Recorders keep failures under a Mutex, whose lock() waits there; their module forbids unsafe
// code.
const char* __tsan_default_suppressions()
{
    return "race:OnceLock\n"
           "race:page_alloc11environment\n"
           "race:page_alloc6malloc8is_glibc\n"
           "race:deepspeed_aio_common6record\n";
}
}
