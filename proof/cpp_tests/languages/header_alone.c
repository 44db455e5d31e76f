/* The header in strict C11, which has no sigset_t and with it no libaio.h. */

#include <deepspeed_aio_utils.h>

int main(void)
{
    struct iocb* none = NULL;
    return dsaio_prep_batch(NULL, true, 4096, 0, &none, 1) < 0 && dsaio_version()[0] != 0 ? 0 : 1;
}
