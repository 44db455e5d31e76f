#include "support/direct_io_dir.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <stdexcept>

namespace {

constexpr size_t alignment = 4096;

// Null where a 4096-byte O_DIRECT write works in the directory, else what failed.
const char* direct_io_error(const std::string& directory)
{
    TemporaryFile file(directory);
    const int fd = open(file.path().c_str(), O_WRONLY | O_DIRECT);
    if (fd == -1) { return strerror(errno); }
    void* block = aligned_alloc(alignment, alignment);
    memset(block, 1, alignment);
    const bool written = write(fd, block, alignment) == static_cast<ssize_t>(alignment);
    const char* answer = written ? nullptr : strerror(errno);
    free(block);
    close(fd);
    return answer;
}

std::string choose(std::string& reason)
{
    const char* chosen = getenv("DSAIO_TEST_DIR");
    for (const char* candidate :
         std::initializer_list<const char*>{chosen, ".", getenv("TMPDIR"), "/var/tmp", "/tmp"}) {
        if (candidate == nullptr || (chosen != nullptr && candidate != chosen)) { continue; }
        const std::string directory = candidate;
        try {
            const char* error = direct_io_error(directory);
            if (error == nullptr) {
                printf("O_DIRECT files go to %s\n", directory.c_str());
                return directory;
            }
            reason += directory + " does not take O_DIRECT: " + error + "; ";
        } catch (const std::runtime_error& exception) {
            reason += std::string(exception.what()) + "; ";
        }
    }
    return {};
}

}  // namespace

std::string direct_io_dir(std::string& reason)
{
    static std::string why;
    static const std::string directory = choose(why);
    reason = why;
    return directory;
}

TemporaryFile::TemporaryFile(const std::string& directory) : path_(directory + "/dsaio-test-XXXXXX")
{
    const int fd = mkstemp(path_.data());
    if (fd == -1) {
        throw std::runtime_error("no file can be made in " + directory + ": " + strerror(errno));
    }
    close(fd);
}

TemporaryFile::~TemporaryFile() { unlink(path_.c_str()); }
