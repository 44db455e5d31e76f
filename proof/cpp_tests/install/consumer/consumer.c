/* Prepares the requests of a transfer with the flat API, and prints what they move. */

/* libaio.h needs more than ISO C. */
#define _GNU_SOURCE

#include <deepspeed_aio_utils.h>
#include <libaio.h>

#include <stdio.h>

int main(void)
{
    static char buffer[10000];
    struct dsaio_transfer transfer = {.fd = 3, .num_bytes = sizeof buffer, .buffer = buffer};
    struct iocb storage[4];
    struct iocb *iocbs[4] = {&storage[0], &storage[1], &storage[2], &storage[3]};
    const int count = dsaio_prep_batch(&transfer, true, 4096, 0, iocbs, 4);
    for (int i = 0; i < count; ++i) {
        printf("%lu bytes at %lld\n", storage[i].u.c.nbytes, storage[i].u.c.offset);
    }
    return count == 3 ? 0 : 1;
}
