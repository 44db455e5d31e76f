// `queue_depth * block_size` in int, as DeepSpeed's sequential loop has it (D1).
#include <cstdio>

int main(int argc, char**)
{
    const int queue_depth = 127 + argc;
    const int block_size = 16 << 20;
    printf("%d\n", queue_depth * block_size);
}
