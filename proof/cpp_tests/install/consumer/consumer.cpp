// Prepares the requests of a transfer with the C++ API, and prints what they move.

#include <deepspeed_aio_utils.h>

#include <cstdio>

int main()
{
    std::vector<char> buffer(10000);
    const std::unique_ptr<io_xfer_ctxt> transfer(
        new io_xfer_ctxt(3, 0, 0, static_cast<int64_t>(buffer.size()), buffer.data()));
    std::vector<iocb> storage(4);
    std::vector<iocb*> iocbs;
    for (auto& request : storage) { iocbs.push_back(&request); }
    io_prep_generator generator(true, transfer, 4096);
    const int count = generator.prep_iocbs(4, &iocbs);
    for (int i = 0; i < count; ++i) {
        printf("%lu bytes at %lld\n", storage[i].u.c.nbytes, storage[i].u.c.offset);
    }
    return count == 3 ? 0 : 1;
}
