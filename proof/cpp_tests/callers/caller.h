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

// Moves the bytes of a request on top of libdeepspeed_aio_utils. Implemented twice, by loops of our
// own (own.cpp) and by DeepSpeed's unmodified ones (unmodified.cpp); a program links one of them.
void move_bytes(const Request& request);

// Which implementation this is.
const char* caller_name();
