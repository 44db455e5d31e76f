// What DeepSpeed's async_io op is to the dynamic linker: a shared object that carries the original
// sources, compiled at -O0 without hidden visibility.

#include "callers/caller.h"
#include "support/direct_io_dir.h"

#include <deepspeed_aio_common.h>

#include <dlfcn.h>
#include <cstring>

// 0.19.8 declares it in page_alloc.h.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);

// Constructors have no address in C++; this is aio_context's.
extern "C" void construct_aio_context() __asm__("_ZN11aio_contextC1Eii");

namespace {

// The file that has the functions.
template <typename... Functions>
const char* file_of(Functions*... functions)
{
    const char* file = nullptr;
    for (void* function : {reinterpret_cast<void*>(functions)...}) {
        Dl_info info;
        if (dladdr(function, &info) == 0) { return "?"; }
        if (file != nullptr && strcmp(file, info.dli_fname) != 0) { return "several files"; }
        file = info.dli_fname;
    }
    return file;
}

}  // namespace

// The files that the linker bound this object's calls to: those to deepspeed_aio_utils.cpp, and
// those to the loops.
extern "C" const char* op_runs_on() { return file_of(&get_file_size, &ds_page_aligned_alloc); }
extern "C" const char* op_loops_run_on()
{
    return file_of(&do_aio_operation_sequential, &do_aio_operation_overlap, &open_file,
                   &validate_aio_operation, &report_file_error, &construct_aio_context);
}

// Where files for O_DIRECT go, or null.
extern "C" const char* op_directory()
{
    static std::string reason;
    static const std::string directory = direct_io_dir(reason);
    return directory.empty() ? nullptr : directory.c_str();
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
