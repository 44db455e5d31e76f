// What DeepSpeed's async_io op is to the dynamic linker: a shared object that carries the original
// deepspeed_aio_utils.cpp and its callers, compiled at -O0 without hidden visibility.

#include "callers/caller.h"

#include <deepspeed_aio_utils.h>

#include <dlfcn.h>
#include <cstring>

// 0.19.8 declares it in page_alloc.h.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);

namespace {

const char* file_of(void* function)
{
    Dl_info info;
    return dladdr(function, &info) != 0 ? info.dli_fname : "?";
}

}  // namespace

// The file that the linker bound this object's calls to.
extern "C" const char* op_runs_on()
{
    const char* file = file_of(reinterpret_cast<void*>(&get_file_size));
    const char* other = file_of(reinterpret_cast<void*>(&ds_page_aligned_alloc));
    return strcmp(file, other) == 0 ? file : "two libraries";
}

// Moves `num_bytes` between a file and a buffer of the op's own, as `aio_handle` does, and returns
// the number of bytes that differ from `byte` afterwards.
extern "C" int64_t op_moves(int fd, bool read_op, bool overlap, int64_t num_bytes, int byte)
{
    auto* buffer = static_cast<char*>(ds_page_aligned_alloc(num_bytes, false));
    memset(buffer, read_op ? ~byte : byte, num_bytes);
    move_bytes({read_op, overlap, fd, 0, 0, num_bytes, buffer, 1 << 17, 8, false});
    int64_t different = 0;
    for (int64_t i = 0; i < num_bytes; ++i) { different += buffer[i] != static_cast<char>(byte); }
    free(buffer);
    return different;
}
