// Sanitizers replace mlock(), which then does nothing, and posix_memalign(). With this, tests get
// the answers that they get without a sanitizer.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

extern "C" {

int mlock(const void* start, size_t size) noexcept
{
    return static_cast<int>(syscall(SYS_mlock, start, size));
}

int munlock(const void* start, size_t size) noexcept
{
    return static_cast<int>(syscall(SYS_munlock, start, size));
}

int __interceptor_posix_memalign(void** memory, size_t alignment, size_t size) noexcept;

// No machine has so much. The sanitizer would say so on stderr, and leave errno alone; glibc is
// silent, and sets errno too.
int posix_memalign(void** memory, size_t alignment, size_t size) noexcept
{
    if (size >> 40 == 0) { return __interceptor_posix_memalign(memory, alignment, size); }
    errno = ENOMEM;
    return ENOMEM;
}
}
