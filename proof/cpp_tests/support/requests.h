#pragma once

#include <deepspeed_aio_utils.h>

#include <cstring>
#include <vector>

// Requests for the API to fill. All their bytes are set at first, so that one left alone, or one
// changed, is seen.
class Requests {
  public:
    explicit Requests(size_t count) : storage_(count)
    {
        memset(static_cast<void*>(storage_.data()), 0xa5, count * sizeof(iocb));
        for (auto& request : storage_) { pointers_.push_back(&request); }
        poison_ = storage_;
    }

    struct iocb** pointers() { return pointers_.data(); }
    size_t size() const { return storage_.size(); }

    // Whether nothing was written to the requests from `first` on.
    bool untouched_from(size_t first) const
    {
        const size_t bytes = (size() - first) * sizeof(iocb);
        return bytes == 0 || memcmp(&storage_[first], &poison_[first], bytes) == 0;
    }

    // Whether all 64 bytes of one request are what libaio writes for it.
    bool is(size_t index, bool read_op, int fd, const void* memory, size_t length,
            long long offset) const
    {
        iocb expected;
        auto* prepare = read_op ? io_prep_pread : io_prep_pwrite;
        prepare(&expected, fd, const_cast<void*>(memory), length, offset);
        return memcmp(&expected, &storage_[index], sizeof expected) == 0;
    }

  private:
    std::vector<iocb> storage_;
    std::vector<iocb> poison_;
    std::vector<iocb*> pointers_;
};

// A transfer with a different value in every field: 10,000 bytes are three blocks of 4096, the
// last one shorter. Nothing touches the memory.
inline dsaio_transfer some_transfer()
{
    dsaio_transfer transfer;
    memset(&transfer, 0, sizeof transfer);
    transfer.fd = 5;
    transfer.file_offset = 1 << 20;
    transfer.buffer_offset = 512;
    transfer.num_bytes = 10000;
    transfer.buffer = reinterpret_cast<void*>(0x100000);
    return transfer;
}

// Where the byte at `position` of the transfer is in memory.
inline const char* memory_at(const dsaio_transfer& transfer, int64_t position)
{
    return static_cast<const char*>(transfer.buffer) + transfer.buffer_offset + position;
}
