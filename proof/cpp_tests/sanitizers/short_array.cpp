// The library is promised two pointers and given one: it reads behind the caller's array.
#include <deepspeed_aio_utils.h>

int main()
{
    dsaio_transfer transfer{};
    transfer.num_bytes = 8192;
    transfer.buffer = &transfer;
    iocb request;
    auto* iocbs = new iocb*[1]{&request};
    return dsaio_prep_batch(&transfer, true, 4096, 0, iocbs, 2) == 2;
}
