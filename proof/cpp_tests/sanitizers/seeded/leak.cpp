// Buffers of the library's that nobody frees. Some of them, so that a pointer left in a register or
// on the stack does not hide them all.
#include <deepspeed_aio_utils.h>

int main()
{
    for (int i = 0; i < 16; ++i) {
        if (ds_page_aligned_alloc(30000) == nullptr) { return 0; }
    }
}
