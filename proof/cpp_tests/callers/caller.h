#pragma once

#include <cstdint>

// One transfer as a DeepSpeed user describes it.
struct Request {
    bool read_op;
    bool overlap;  // io_prep_generator instead of io_prep_context
    int fd;
    int64_t file_offset;
    int64_t buffer_offset;
    int64_t num_bytes;
    void* buffer;
    int block_size;
    int queue_depth;
    bool single_submit;  // one io_submit per iocb
};

// Moves the bytes of a request: by DeepSpeed's loops on top of libdeepspeed_aio_utils, or by
// libdeepspeed_aio_common.
void move_bytes(const Request& request);
