#pragma once

#include "support/direct_io_dir.h"

#include <deepspeed_aio_common.h>

// A transfer as DeepSpeed's handles make it, between a file and a buffer of the same length.
struct Call {
    bool overlap = false;
    bool read_op = false;
    int fd = -1;
    std::vector<char> buffer = std::vector<char>(3 * 4096 + 100, 'x');
    std::unique_ptr<aio_context> context;
    std::unique_ptr<io_xfer_ctxt> xfer;
    deepspeed_aio_config_t config{4096, 4, false, false, false};
    deepspeed_aio_config_t* settings = &config;
    deepspeed_aio_perf_t* perf = nullptr;

    // Makes what is not there yet.
    Call& prepare()
    {
        if (!context) { context = std::make_unique<aio_context>(4096, 4); }
        if (!xfer) { transfer(0, 0, buffer.size(), buffer.data()); }
        return *this;
    }
    void transfer(int64_t file_offset, int64_t buffer_offset, int64_t num_bytes, void* memory)
    {
        xfer = std::make_unique<io_xfer_ctxt>(fd, file_offset, buffer_offset, num_bytes, memory);
    }
    void run()
    {
        auto* operation = overlap ? do_aio_operation_overlap : do_aio_operation_sequential;
        operation(read_op, context, xfer, settings, perf);
    }
};
