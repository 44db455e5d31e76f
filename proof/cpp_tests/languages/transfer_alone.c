/* The header of the transfers in strict C11, with nothing before it. */

#include <dsaio_transfer.h>

int main(void) { return dsaio_queue_new(1, NULL) < 0 && dsaio_transfer_version()[0] != 0 ? 0 : 1; }
