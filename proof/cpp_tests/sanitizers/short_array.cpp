// The library is promised two pointers and given one: it reads behind the caller's array.
#include <deepspeed_aio_utils.h>

int main()
{
    dsaio_transfer transfer{};
    transfer.num_bytes = 8192;
    transfer.buffer = &transfer;
    iocb request;
    const auto iocbs = std::make_unique<iocb*[]>(1);
    iocbs[0] = &request;
    return dsaio_prep_batch(&transfer, true, 4096, 0, iocbs.get(), 2) == 2;
}
