#pragma once

#include "flat/flat.h"

#include <cerrno>
#include <cstdint>
#include <ostream>

// One way in which a transfer can be invalid, and the errno that says so.
struct InvalidTransfer {
    const char* name;
    void (*spoil)(dsaio_transfer& transfer);
    int error;
};

inline void PrintTo(const InvalidTransfer& invalid, std::ostream* out) { *out << invalid.name; }

inline const InvalidTransfer invalid_transfers[] = {
    {"NegativeFd", [](dsaio_transfer& t) { t.fd = -1; }, EBADF},
    {"LowestFd", [](dsaio_transfer& t) { t.fd = INT32_MIN; }, EBADF},
    {"NegativeFileOffset", [](dsaio_transfer& t) { t.file_offset = -1; }, EINVAL},
    {"LowestFileOffset", [](dsaio_transfer& t) { t.file_offset = INT64_MIN; }, EINVAL},
    {"NegativeBufferOffset", [](dsaio_transfer& t) { t.buffer_offset = -1; }, EINVAL},
    {"NegativeNumBytes", [](dsaio_transfer& t) { t.num_bytes = -1; }, EINVAL},
    {"LowestNumBytes", [](dsaio_transfer& t) { t.num_bytes = INT64_MIN; }, EINVAL},
    {"NullBuffer", [](dsaio_transfer& t) { t.buffer = nullptr; }, EFAULT},
    {"FileEndOverflows", [](dsaio_transfer& t) { t.file_offset = INT64_MAX - t.num_bytes + 1; },
     EOVERFLOW},
    {"MemoryStartOverflows",
     [](dsaio_transfer& t) {
         t.buffer = reinterpret_cast<void*>(UINT64_C(1) << 63 | 1);
         t.buffer_offset = INT64_MAX;
     },
     EOVERFLOW},
    {"MemoryEndOverflows",
     [](dsaio_transfer& t) {
         t.buffer = reinterpret_cast<void*>(UINT64_MAX - t.buffer_offset - t.num_bytes + 1);
     },
     EOVERFLOW},
};

inline std::string invalid_name(const testing::TestParamInfo<InvalidTransfer>& info)
{
    return info.param.name;
}
