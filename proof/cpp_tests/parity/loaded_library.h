#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

// A libdeepspeed_aio_utils.so, the original or ours, opened beside the other one with
// dlopen(RTLD_LOCAL): its functions, called through their mangled names, with objects as the raw
// storage that they are to an ABI.
class LoadedLibrary {
  public:
    explicit LoadedLibrary(const char* path) : handle_(dlopen(path, RTLD_NOW | RTLD_LOCAL))
    {
        if (handle_ == nullptr) { throw std::runtime_error(dlerror()); }
        resolve("_ZN12io_xfer_ctxtC1E", new_xfer);
        resolve("_ZN15io_prep_contextC1E", new_context);
        resolve("_ZN15io_prep_context10prep_iocbsE", context_prep);
        resolve("_ZN17io_prep_generatorC1E", new_generator);
        resolve("_ZN17io_prep_generator10prep_iocbsE", generator_prep);
        resolve("_Z13get_file_size", file_size);
        resolve("_Z16get_fd_file_size", fd_file_size, false);
        resolve("_Z21ds_page_aligned_alloc", page_aligned_alloc);
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
    void resolve(const char* prefix, Function& function, bool required = true)
    {
        void* address = dlsym(handle_, symbol(prefix).c_str());
        if (address == nullptr && required) { throw std::runtime_error(dlerror()); }
        function = reinterpret_cast<Function>(address);
    }

    // The libstdc++ name in the table of symbols that begins so.
    static std::string symbol(const std::string& prefix)
    {
        std::ifstream table(DSAIO_SYMBOLS);
        for (std::string line; getline(table, line);) {
            if (line.compare(0, prefix.size(), prefix) == 0 &&
                line.find("St3__1") == std::string::npos) {
                return line.substr(0, line.find(' '));
            }
        }
        throw std::runtime_error(DSAIO_SYMBOLS " has no name that begins with " + prefix);
    }

    void* handle_;
};
