// Callers in the original's style, but ours: a sequential loop on io_prep_context and an overlap
// loop on io_prep_generator, over libaio. Unlike DeepSpeed's they check every completion.

#include "callers/caller.h"

#include <deepspeed_aio_utils.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what, long answer)
{
    fprintf(stderr, "%s answered %ld (%s)\n", what, answer, answer < 0 ? strerror(-answer) : "");
    abort();
}

// A queue of libaio, with as many iocbs as it is deep.
class Queue {
  public:
    explicit Queue(const Request& request)
        : single_submit_(request.single_submit),
          storage_(request.queue_depth),
          events_(request.queue_depth)
    {
        for (auto& iocb : storage_) { iocbs_.push_back(&iocb); }
        const int status = io_queue_init(request.queue_depth, &context_);
        if (status != 0) { fail("io_queue_init", status); }
    }
    ~Queue() { io_queue_release(context_); }
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    std::vector<iocb*>& iocbs() { return iocbs_; }

    void submit(int n_iocbs)
    {
        const int step = single_submit_ ? 1 : n_iocbs;
        for (int first = 0; first < n_iocbs; first += step) {
            const int accepted = io_submit(context_, step, iocbs_.data() + first);
            if (accepted != step) { fail("io_submit", accepted); }
        }
    }

    // Waits for at least `min_events` completions and returns the bytes that they moved.
    int64_t complete(int min_events, int max_events, int& n_events)
    {
        n_events = io_getevents(context_, min_events, max_events, events_.data(), nullptr);
        if (n_events < min_events) { fail("io_getevents", n_events); }
        int64_t bytes = 0;
        for (int i = 0; i < n_events; ++i) {
            const long moved = static_cast<long>(events_[i].res);
            if (moved < 0) { fail("a request", moved); }
            bytes += moved;
        }
        return bytes;
    }

  private:
    bool single_submit_;
    std::vector<iocb> storage_;
    std::vector<iocb*> iocbs_;
    std::vector<io_event> events_;
    io_context_t context_ = nullptr;
};

int64_t sequential(const Request& request, const std::unique_ptr<io_xfer_ctxt>& xfer, Queue& queue)
{
    io_prep_context batch(request.read_op, xfer, request.block_size, &queue.iocbs());
    const int64_t block_size = request.block_size;
    const int64_t queue_bytes = block_size * request.queue_depth;
    int64_t moved = 0;
    for (int64_t done = 0; done < request.num_bytes; done += queue_bytes) {
        const int64_t num_bytes = std::min(queue_bytes, request.num_bytes - done);
        const int n_iocbs = static_cast<int>((num_bytes + block_size - 1) / block_size);
        batch.prep_iocbs(n_iocbs, num_bytes, static_cast<char*>(request.buffer) + done, done);
        queue.submit(n_iocbs);
        int n_events = 0;
        moved += queue.complete(n_iocbs, n_iocbs, n_events);
    }
    return moved;
}

int64_t overlap(const Request& request, const std::unique_ptr<io_xfer_ctxt>& xfer, Queue& queue)
{
    io_prep_generator generator(request.read_op, xfer, request.block_size);
    int in_flight = 0;
    int64_t moved = 0;
    while (true) {
        const int n_iocbs = generator.prep_iocbs(request.queue_depth - in_flight, &queue.iocbs());
        if (n_iocbs > 0) { queue.submit(n_iocbs); }
        in_flight += n_iocbs;
        if (in_flight == 0) { return moved; }
        int n_events = 0;
        moved += queue.complete(1, in_flight, n_events);
        in_flight -= n_events;
    }
}

}  // namespace

void move_bytes(const Request& request)
{
    Queue queue(request);
    const auto xfer =
        std::make_unique<io_xfer_ctxt>(request.fd, request.file_offset, request.buffer_offset,
                                       request.num_bytes, request.buffer);
    const int64_t moved =
        request.overlap ? overlap(request, xfer, queue) : sequential(request, xfer, queue);
    if (moved != request.num_bytes) { fail("the whole transfer", moved); }
}

const char* caller_name() { return "our own loops"; }
