// get_file_size and get_fd_file_size: answers, errno and the out-parameter, both libraries.

#include "parity/objects.h"
#include "support/child.h"
#include "support/direct_io_dir.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct Answer {
    int64_t status;
    int64_t size = 0x5a5a5a5a5a5a5a5a;
    int error;

    bool operator==(const Answer& other) const
    {
        return status == other.status && size == other.size && error == other.error;
    }
};

std::ostream& operator<<(std::ostream& out, const Answer& answer)
{
    return out << "status " << answer.status << ", size " << answer.size << ", errno "
               << answer.error;
}

template <typename Function, typename Argument>
Answer ask(Function function, Argument argument)
{
    Answer answer;
    errno = 4711;
    answer.status = function(argument, answer.size);
    answer.error = errno;
    return answer;
}

bool has_fd_file_size() { return original().fd_file_size != nullptr; }

// Compares and returns the answer that both gave.
Answer of_path(const char* path)
{
    Answer theirs = ask(original().file_size, path);
    const Answer mine = ask(ours().file_size, path);
    // Before 0.17.1 the answer was an int, whose other half is undefined.
    if (!has_fd_file_size()) { theirs.status = static_cast<int>(theirs.status); }
    EXPECT_EQ(theirs, mine) << (path == nullptr ? "(null)" : path);
    return mine;
}

Answer of_fd(int fd)
{
    const Answer mine = ask(ours().fd_file_size, fd);
    if (has_fd_file_size()) { EXPECT_EQ(ask(original().fd_file_size, fd), mine) << fd; }
    return mine;
}

class FileSize : public testing::Test {
  protected:
    TemporaryFile file_{testing::TempDir()};
    std::string path_ = file_.path();
};

TEST_F(FileSize, OfFilesOfEverySize)
{
    for (const int64_t size : {int64_t(0), int64_t(1), int64_t(4096), (int64_t(5) << 30) + 3}) {
        ASSERT_EQ(truncate(path_.c_str(), size), 0);
        EXPECT_EQ(of_path(path_.c_str()).size, size);
        const int fd = open(path_.c_str(), O_RDONLY);
        EXPECT_EQ(of_fd(fd).size, size);
        close(fd);
    }
}

TEST_F(FileSize, OfWhatIsNoRegularFile)
{
    EXPECT_EQ(of_path("/").status, 0);
    EXPECT_EQ(of_path("/dev/null").size, 0);
    const int directory = open("/", O_RDONLY | O_DIRECTORY);
    EXPECT_EQ(of_fd(directory).status, 0);
    close(directory);
    const int path_only = open(path_.c_str(), O_PATH);
    EXPECT_EQ(of_fd(path_only).status, 0);
    close(path_only);
}

TEST_F(FileSize, OfLinks)
{
    const std::string link = path_ + ".link";
    ASSERT_EQ(truncate(path_.c_str(), 77), 0);
    ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
    EXPECT_EQ(of_path(link.c_str()).size, 77);
    unlink(link.c_str());
    ASSERT_EQ(symlink((path_ + ".missing").c_str(), link.c_str()), 0);
    EXPECT_EQ(of_path(link.c_str()).error, ENOENT);
    unlink(link.c_str());
    ASSERT_EQ(symlink(link.c_str(), link.c_str()), 0);
    EXPECT_EQ(of_path(link.c_str()).error, ELOOP);
    unlink(link.c_str());
}

TEST_F(FileSize, Errors)
{
    EXPECT_EQ(of_path((path_ + ".missing").c_str()).error, ENOENT);
    EXPECT_EQ(of_path("").error, ENOENT);
    EXPECT_EQ(of_path((path_ + "/x").c_str()).error, ENOTDIR);
    EXPECT_EQ(of_path(std::string(5000, 'x').c_str()).error, ENAMETOOLONG);
    EXPECT_EQ(of_path(nullptr).error, EFAULT);
    EXPECT_EQ(of_fd(-1).error, EBADF);
    const int fd = open(path_.c_str(), O_RDONLY);
    close(fd);
    const Answer closed = of_fd(fd);
    EXPECT_EQ(closed.error, EBADF);
    EXPECT_EQ(closed.status, -1);
    EXPECT_EQ(closed.size, Answer().size) << "the out-parameter is left alone";
}

// In a child that gives up root, which every directory is open to.
TEST_F(FileSize, OfWhatMayNotBeSeen)
{
    const std::string closed = path_ + ".closed";
    ASSERT_EQ(mkdir(closed.c_str(), 0), 0);
    const std::string inside = closed + "/x";
    original(), ours();  // opened before the fork
    const auto [status, text] = in_a_child([&] {
        if (geteuid() == 0 && setuid(65534) != 0) { return 2; }
        return of_path(inside.c_str()).error == EACCES && !HasFailure() ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << text;
    rmdir(closed.c_str());
}

}  // namespace
