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

// The settings are read into a OnceLock. What orders its one write before all reads is the standard
// library's Once, which is not instrumented, so that the sanitizer does not see it.
const char* __tsan_default_suppressions() { return "race:OnceLock\n"; }
}
