#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

// A libdeepspeed_aio_utils.so, the original or ours, opened beside the other one with
// dlopen(RTLD_LOCAL): its functions, called through their mangled names, with objects as the raw
// storage that they are to an ABI.
class LoadedLibrary {
  public:
    explicit LoadedLibrary(const std::string& path);
    ~LoadedLibrary();
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
    void* handle_;
};
