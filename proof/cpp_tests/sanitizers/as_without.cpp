// Sanitizers take the place of malloc, and of mlock(), which then does nothing. The tests ask about
// both; with this they get the answers that they get without a sanitizer.

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

extern "C" {

// Of sanitizer/allocator_interface.h, which not every package of gcc has.
size_t __sanitizer_get_current_allocated_bytes(void);

int mlock(const void* start, size_t size) noexcept
{
    return static_cast<int>(syscall(SYS_mlock, start, size));
}

int munlock(const void* start, size_t size) noexcept
{
    return static_cast<int>(syscall(SYS_munlock, start, size));
}

// glibc's knows of none of the sanitizer's memory.
struct mallinfo2 mallinfo2(void) noexcept
{
    struct mallinfo2 info = {};
    info.uordblks = __sanitizer_get_current_allocated_bytes();
    return info;
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
