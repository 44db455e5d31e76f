// Hands a request to what DeepSpeed's headers declare, as its ops do: deepspeed_aio_common.cpp and
// deepspeed_aio_types.cpp, compiled as they are beside this file, or a library in their place.

#include "callers/caller.h"

#include <deepspeed_aio_common.h>

void move_bytes(const Request& request)
{
    const deepspeed_aio_config_t config(request.block_size, request.queue_depth,
                                        request.single_submit, request.overlap, false);
    auto aio_ctxt = std::make_unique<aio_context>(request.block_size, request.queue_depth);
    auto xfer_ctxt = std::make_unique<io_xfer_ctxt>(
        request.fd, request.file_offset, request.buffer_offset, request.num_bytes, request.buffer);
    auto* settings = const_cast<deepspeed_aio_config_t*>(&config);
    if (request.overlap) {
        do_aio_operation_overlap(request.read_op, aio_ctxt, xfer_ctxt, settings, nullptr);
    } else {
        do_aio_operation_sequential(request.read_op, aio_ctxt, xfer_ctxt, settings, nullptr);
    }
}
