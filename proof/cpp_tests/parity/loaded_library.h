#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

// A libdeepspeed_aio_utils.so, the original or ours, opened beside the other one with
// dlopen(RTLD_LOCAL): its functions, called through their mangled names, with objects as the raw
// storage that they are to an ABI.
class LoadedLibrary {
  public:
    explicit LoadedLibrary(const char* path) : handle_(dlopen(path, RTLD_NOW | RTLD_LOCAL))
    {
        if (handle_ == nullptr) { throw std::runtime_error(dlerror()); }
        resolve("_ZN12io_xfer_ctxtC1EilllPKv", new_xfer);
        resolve(
            "_ZN15io_prep_contextC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEmPKSt6"
            "vectorIP4iocbSaIS9_EE",
            new_context);
        resolve("_ZN15io_prep_context10prep_iocbsEimPKvl", context_prep);
        resolve(
            "_ZN17io_prep_generatorC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm",
            new_generator);
        resolve("_ZN17io_prep_generator10prep_iocbsEiPSt6vectorIP4iocbSaIS2_EE", generator_prep);
        resolve("_Z13get_file_sizePKcRl", file_size);
        // An original before 0.17.1 has none.
        fd_file_size =
            reinterpret_cast<decltype(fd_file_size)>(dlsym(handle_, "_Z16get_fd_file_sizeiRl"));
        resolve("_Z21ds_page_aligned_alloclb", page_aligned_alloc);
    }
    ~LoadedLibrary() { dlclose(handle_); }
    LoadedLibrary(const LoadedLibrary&) = delete;
    LoadedLibrary& operator=(const LoadedLibrary&) = delete;

    void (*new_xfer)(void* self, int fd, int64_t file_offset, int64_t buffer_offset,
                     int64_t num_bytes, const void* buffer);
    void (*new_context)(void* self, bool read_op, const void* xfer, size_t block_size,
                        const void* iocbs);
    void (*context_prep)(void* self, int n_iocbs, size_t num_bytes, const void* start_buffer,
                         int64_t start_offset);
    void (*new_generator)(void* self, bool read_op, const void* xfer, size_t block_size);
    int (*generator_prep)(void* self, int n_iocbs, void* iocbs);
    int64_t (*file_size)(const char* filename, int64_t& size);
    int64_t (*fd_file_size)(int fd, int64_t& size);  // null before 0.17.1
    void* (*page_aligned_alloc)(int64_t size, bool lock);

  private:
    template <typename Function>
    void resolve(const char* symbol, Function& function)
    {
        void* address = dlsym(handle_, symbol);
        if (address == nullptr) { throw std::runtime_error(dlerror()); }
        function = reinterpret_cast<Function>(address);
    }

    void* handle_;
};
