// Uses something of each header that the original's deepspeed_aio_utils.h includes, and includes
// nothing else itself: callers have come to rely on it.

#include <deepspeed_aio_utils.h>

int includes()
{
    assert(sizeof(off_t) == 8);
    struct iocb request;
    io_prep_pread(&request, STDIN_FILENO, nullptr, 0, 0);
    struct stat status;
    std::memset(&status, 0, sizeof status);
    void* memory = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory, 4096);
    free(malloc(1));
    std::ifstream file("/dev/null");
    std::cout.flush();
    const std::unique_ptr<std::string> name(new std::string("x"));
    const std::vector<size_t> lengths(1, strlen(name->c_str()));
    return O_DIRECT + S_IRUSR + static_cast<int>(lengths.size()) + file.good();
}
