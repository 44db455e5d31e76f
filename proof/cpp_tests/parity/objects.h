#pragma once

#include "parity/loaded_library.h"

#include <libaio.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

// Both sides of a comparison. The original is one of several; CMakeLists.txt runs this program once
// for each.
inline LoadedLibrary& original()
{
    static const char* const path = getenv("DSAIO_ORIGINAL");
    if (path == nullptr) { throw std::runtime_error("DSAIO_ORIGINAL names no library."); }
    static LoadedLibrary library(path);
    return library;
}

inline LoadedLibrary& ours()
{
    static LoadedLibrary library(DSAIO_OURS);
    return library;
}

// The C++ objects as the ABI sees them: storage of the documented size, poisoned before a
// constructor runs, so that a byte that only one library writes shows.
constexpr unsigned char poison = 0xcd;

template <size_t size>
struct Storage {
    alignas(16) std::array<unsigned char, size> bytes;
    Storage() { bytes.fill(poison); }
    bool operator==(const Storage& other) const { return bytes == other.bytes; }
};

using XferStorage = Storage<40>;
using ContextStorage = Storage<32>;

using GeneratorStorage = Storage<56>;

// A vector of iocbs, poisoned, with one more iocb behind it that neither library may touch.
class Iocbs {
  public:
    explicit Iocbs(size_t n) : storage_(n + 1)
    {
        memset(storage_.data(), poison, storage_.size() * sizeof(iocb));
        for (size_t i = 0; i < n; ++i) { pointers_.push_back(&storage_[i]); }
    }
    std::vector<iocb*>* vector() { return &pointers_; }
    const iocb& operator[](size_t i) const { return storage_[i]; }

    // Empty where both hold the same bytes, else where they differ.
    std::string differs_from(const Iocbs& other) const
    {
        for (size_t i = 0; i < storage_.size(); ++i) {
            const auto* a = reinterpret_cast<const unsigned char*>(&storage_[i]);
            const auto* b = reinterpret_cast<const unsigned char*>(&other.storage_[i]);
            for (size_t k = 0; k < sizeof(iocb); ++k) {
                if (a[k] != b[k]) {
                    return "iocb " + std::to_string(i) + " of " + std::to_string(pointers_.size()) +
                           ", byte " + std::to_string(k);
                }
            }
        }
        return {};
    }

  private:
    std::vector<iocb> storage_;
    std::vector<iocb*> pointers_;
};

// Where the transfer's objects point to. Both libraries are given the same addresses, because
// addresses end up in the bytes that are compared. No memory is accessed there.
struct Transfer {
    int fd = 7;
    int64_t file_offset = 0;
    int64_t buffer_offset = 0;
    int64_t num_bytes = 0;
    const void* buffer = reinterpret_cast<const void*>(0x7f0000000000);

    XferStorage construct(LoadedLibrary& library) const
    {
        XferStorage xfer;
        library.new_xfer(&xfer, fd, file_offset, buffer_offset, num_bytes, buffer);
        return xfer;
    }
};
