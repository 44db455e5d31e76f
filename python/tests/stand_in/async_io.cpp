// A stand-in for DeepSpeed's async_io: the same module to Python, with buffers in place of tensors.
// It has the same methods, threads and contexts, asserts the same, and calls DeepSpeed's own
// csrc/aio/common, compiled beside it. With LEAKS defined, wait() does not close the files, as in
// some releases.

#include <deepspeed_aio_common.h>
#include <pybind11/pybind11.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

// The module's.
#ifndef NAME
#define NAME async_io
#endif

namespace py = pybind11;

// The header that declares it differs between releases.
void* ds_page_aligned_alloc(const int64_t size, const bool lock);

namespace {

using Context = std::unique_ptr<aio_context>;

void move(bool read, Context& context, deepspeed_aio_config_t& config, int fd, int64_t offset,
          int64_t start, int64_t size, char* memory)
{
    auto range = std::make_unique<io_xfer_ctxt>(fd, offset, start, size, memory);
    auto* loop = config._overlap_events ? do_aio_operation_overlap : do_aio_operation_sequential;
    loop(read, context, range, &config, nullptr);
}

// A transfer whose parts the threads of a handle move, through a locked copy of the user's buffer.
struct Operation {
    bool read;
    char* user;
    int64_t size;
    int fd;
    std::string file;  // empty where the user opened it
    int64_t offset;
    bool validate;
    int unfinished;
    char* copy = static_cast<char*>(ds_page_aligned_alloc(size, false));

    void finish()
    {
        if (validate) { validate_aio_operation(read, file.c_str(), copy, size); }
        if (read) { memcpy(user, copy, size); }
        free(copy);
#ifndef LEAKS
        if (!file.empty()) { close(fd); }
#endif
    }
};

class Handle {
  public:
    Handle(int block_size, int queue_depth, bool single_submit, bool overlap_events, int threads)
        : _config(block_size, queue_depth, single_submit, overlap_events, false),
          _context(new aio_context(block_size, queue_depth)),
          _queues(threads)
    {
        // All contexts on this thread.
        for (int i = 0; i < threads; ++i) {
            _contexts.emplace_back(new aio_context(block_size, queue_depth));
        }
        for (int i = 0; i < threads; ++i) {
            _threads.emplace_back([this, i] { work(i); });
        }
    }

    ~Handle()
    {
        py::gil_scoped_release release;
        assert(_pending.empty());
        {
            std::lock_guard<std::mutex> lock(_mutex);
            _ends = true;
        }
        _changed.notify_all();
        for (auto& thread : _threads) { thread.join(); }
    }

    int threads() const { return static_cast<int>(_threads.size()); }

    // Whole files, on the calling thread.
    int alone(bool read, const py::buffer& buffer, const char* file, bool validate, int64_t offset)
    {
        return whole(read, buffer, file, validate, offset, _context, _config);
    }

    static int whole(bool read, const py::buffer& buffer, const char* file, bool validate,
                     int64_t offset, Context& context, deepspeed_aio_config_t& config)
    {
        const auto info = buffer.request(read);
        const int64_t size = info.size * info.itemsize;
        if (read && !has(file, size, true)) { return -1; }
        const int fd = open_file(file, read);
        if (fd == -1) { return -1; }
        move(read, context, config, fd, offset, 0, size, static_cast<char*>(info.ptr));
        close(fd);
        if (validate) { validate_aio_operation(read, file, info.ptr, size); }
        return 0;
    }

    int shared(bool read, const py::buffer& buffer, const char* file, bool validate,
               bool asynchronous, int64_t offset)
    {
        const auto info = buffer.request(read);
        py::gil_scoped_release release;
        const int64_t size = info.size * info.itemsize;
        if (size % threads() != 0) { return -1; }
        if (read && !has(file, offset + size, false)) { return -1; }
        const int fd = open_file(file, read);
        if (fd == -1) { return -1; }
        return submit(read, info.ptr, size, fd, file, offset, validate, asynchronous);
    }

    int write_opened(const py::buffer& buffer, int fd, int64_t offset)
    {
        const auto info = buffer.request();
        py::gil_scoped_release release;
        const int64_t size = info.size * info.itemsize;
        if (size % threads() != 0) { return -1; }
        return submit(false, info.ptr, size, fd, "", offset, false, true);
    }

    int wait()
    {
        assert(!_pending.empty());
        int completed = 0;
        for (; !_pending.empty(); ++completed, _pending.pop_front()) {
            std::unique_lock<std::mutex> lock(_mutex);
            _changed.wait(lock, [this] { return _pending.front()->unfinished == 0; });
            _pending.front()->finish();
        }
        return completed;
    }

  private:
    static bool has(const char* file, int64_t size, bool exactly)
    {
        int64_t found;
        if (get_file_size(file, found) == -1) {
            report_file_error(file, " fstat for read", errno);
            return false;
        }
        assert(exactly ? size == found : size <= found);
        return true;
    }

    int submit(bool read, void* user, int64_t size, int fd, const char* file, int64_t offset,
               bool validate, bool asynchronous)
    {
        auto operation = std::make_shared<Operation>(
            Operation{read, static_cast<char*>(user), size, fd, file, offset, validate, threads()});
        if (!read) { memcpy(operation->copy, user, size); }
        _pending.push_back(operation);
        {
            std::lock_guard<std::mutex> lock(_mutex);
            for (auto& queue : _queues) { queue.push_back(operation); }
        }
        _changed.notify_all();
        return asynchronous ? 0 : wait();
    }

    void work(int number)
    {
        auto& queue = _queues[number];
        while (true) {
            std::unique_lock<std::mutex> lock(_mutex);
            _changed.wait(lock, [&] { return _ends || !queue.empty(); });
            if (queue.empty()) { return; }
            const auto operation = queue.front();
            queue.pop_front();
            lock.unlock();
            const int64_t size = operation->size / static_cast<int64_t>(_queues.size());
            const int64_t start = size * number;
            move(operation->read, _contexts[number], _config, operation->fd,
                 operation->offset + start, start, size, operation->copy);
            lock.lock();
            --operation->unfinished;
            _changed.notify_all();
        }
    }

    deepspeed_aio_config_t _config;
    Context _context;
    std::vector<Context> _contexts;
    std::deque<std::shared_ptr<Operation>> _pending;
    std::vector<std::deque<std::shared_ptr<Operation>>> _queues;
    std::mutex _mutex;
    std::condition_variable _changed;
    bool _ends = false;
    std::vector<std::thread> _threads;
};

template <bool read>
int direct(const py::buffer& buffer, const char* file, int block_size, int queue_depth,
           bool single_submit, bool overlap_events, bool validate)
{
    deepspeed_aio_config_t config(block_size, queue_depth, single_submit, overlap_events, false);
    Context context(new aio_context(block_size, queue_depth));
    return Handle::whole(read, buffer, file, validate, 0, context, config);
}

template <bool read>
int alone(Handle& handle, const py::buffer& buffer, const char* file, bool validate, int64_t offset)
{
    return handle.alone(read, buffer, file, validate, offset);
}

template <bool read>
int shared(Handle& handle, const py::buffer& buffer, const char* file, bool validate,
           bool asynchronous, int64_t offset)
{
    return handle.shared(read, buffer, file, validate, asynchronous, offset);
}

template <bool read, bool asynchronous>
int unchecked(Handle& handle, const py::buffer& buffer, const char* file, int64_t offset)
{
    return handle.shared(read, buffer, file, false, asynchronous, offset);
}

}  // namespace

PYBIND11_MODULE(NAME, module)
{
    using namespace py::literals;
    module.def("aio_read", &direct<true>);
    module.def("aio_write", &direct<false>);
    const auto buffer = "buffer"_a, file = "filename"_a, validate = "validate"_a, async = "async"_a;
    const auto offset = "file_offset"_a = 0;
    py::class_<Handle>(module, "aio_handle", "The handle's documentation")
        .def(py::init<int, int, bool, bool, int>(), "block_size"_a = 1 << 20, "queue_depth"_a = 128,
             "single_submit"_a = false, "overlap_events"_a = false, "intra_op_parallelism"_a = 1)
        .def("get_intra_op_parallelism", &Handle::threads)
        .def("read", &alone<true>, buffer, file, validate, offset)
        .def("write", &alone<false>, buffer, file, validate, offset)
        .def("pread", &shared<true>, buffer, file, validate, async, offset)
        .def("pwrite", &shared<false>, buffer, file, validate, async, offset)
        .def("sync_pread", &unchecked<true, false>, buffer, file, offset)
        .def("sync_pwrite", &unchecked<false, false>, buffer, file, offset)
        .def("async_pread", &unchecked<true, true>, buffer, file, offset)
        .def("async_pwrite", &unchecked<false, true>, buffer, file, offset)
        .def("async_pwrite", &Handle::write_opened, buffer, "fd"_a, offset)
        .def("is_pinned", [](const Handle&, const py::buffer&) { return false; })
        .def("wait", &Handle::wait, py::call_guard<py::gil_scoped_release>());
}
