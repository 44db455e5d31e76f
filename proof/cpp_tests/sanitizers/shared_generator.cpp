// Two threads use one generator, which the library lets only one do: it races with itself.
#include <deepspeed_aio_utils.h>

#include <thread>

int main()
{
    dsaio_transfer transfer{};
    transfer.num_bytes = 1 << 20;
    transfer.buffer = &transfer;
    dsaio_generator generator;
    dsaio_generator_init(&generator, &transfer, true, 4096);
    const auto prepare = [&] {
        iocb request;
        iocb* const iocbs[] = {&request};
        for (int i = 0; i < 100; ++i) { dsaio_generator_prep(&generator, iocbs, 1); }
    };
    std::thread other(prepare);
    prepare();
    other.join();
}
