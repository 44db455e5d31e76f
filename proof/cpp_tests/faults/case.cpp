#include "faults/case.h"
#include "faults/disks.h"
#include "faults/memory.h"
#include "faults/transfer.h"
#include "support/direct_io_dir.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstring>
#include <memory>
#include <regex>
#include <sstream>

const char* name_of(Outcome outcome)
{
    const char* names[] = {"right", "named", "silent", "died", "hangs", "skipped"};
    return names[static_cast<int>(outcome)];
}

namespace {

// The file's content and size before the transfer, and what they must be after it.
class File {
  public:
    File(const Case& c, const std::string& path) : case_(c), path_(path)
    {
        const int64_t end = c.file_offset + c.num_bytes;
        old_size_ = c.old_size == -1 ? end + 24 * KiB : c.old_size;
        // More than Memory checks.
        from_ = c.folded ? end - 4 * MiB : 0;
        std::string bytes;
        for (int64_t i = from_; i < old_size_; ++i) {
            bytes += static_cast<char>(c.read_op ? moved_byte(i) : old_byte(i));
        }
        const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const auto size = static_cast<ssize_t>(bytes.size());
        ready_ = fd != -1 && (size == 0 || pwrite(fd, bytes.data(), size, from_) == size);
        // What is direct must not depend on pages in the cache.
        fsync(fd);
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    bool ready() const { return ready_; }

    // As Memory::wrong_bytes(); `first` is a position in the file.
    int64_t wrong_bytes(bool complete, int64_t& first) const
    {
        const std::string bytes = contents();
        const int64_t start = case_.file_offset, end = start + case_.num_bytes;
        const int64_t size = case_.read_op ? old_size_ : std::max(old_size_, end);
        const auto found = static_cast<int64_t>(bytes.size()) + from_;
        int64_t wrong = 0;
        for (int64_t i = from_; i < std::max(size, found); ++i) {
            const bool inside = !case_.read_op && i >= start && i < end;
            const int byte = i < found ? static_cast<unsigned char>(bytes[i - from_]) : -2;
            const int before = i >= old_size_ ? 0 : case_.read_op ? moved_byte(i) : old_byte(i);
            if (inside && !complete && (byte == before || byte == moved_byte(i))) { continue; }
            // Where a write failed, the file may end earlier.
            if (!complete && i >= found && i >= old_size_) { break; }
            const int expected = i >= size ? -1 : inside ? moved_byte(i) : before;
            if (byte != expected && wrong++ == 0) { first = i; }
        }
        return wrong;
    }
    // How many bytes were written up to the first that was not.
    int64_t written_bytes() const
    {
        const std::string bytes = contents();
        size_t i = case_.file_offset;
        while (i < bytes.size() && static_cast<unsigned char>(bytes[i]) == moved_byte(i)) { ++i; }
        return std::min(static_cast<int64_t>(i) - case_.file_offset, case_.num_bytes);
    }

  private:
    std::string contents() const
    {
        std::string bytes;
        const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
        static char piece[256 * KiB];
        for (ssize_t n; (n = pread(fd, piece, sizeof piece, from_ + bytes.size())) > 0;) {
            bytes.append(piece, n);
        }
        close(fd);
        return bytes;
    }

    const Case& case_;
    const std::string path_;
    int64_t old_size_, from_;
    bool ready_;
};

std::string read_all(int fd)
{
    std::string text;
    char piece[4096];
    for (ssize_t n; (n = pread(fd, piece, sizeof piece, text.size())) > 0;) {
        text.append(piece, n);
    }
    return text;
}

// Waits for the end of the process, or kills it; false where it had to.
bool wait_for(pid_t child, int time_limit_s, int& status)
{
    for (int64_t waited_ms = 0; waited_ms < int64_t(time_limit_s) * 1000; ++waited_ms) {
        if (waitpid(child, &status, WNOHANG) == child) { return true; }
        usleep(1000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return false;
}

// Whether one of the lines names the transfer, the bytes that it moved and the error; else `detail`
// has what is wrong about the last line.
bool names_the_failure(const Case& c, const std::string& path, const std::string& output,
                       int64_t moved, std::string& detail)
{
    const std::regex form(
        "deepspeed_aio_common: (read|write) of ([0-9]+) bytes at offset ([0-9]+)(?: of (.*))? "
        "moved ([0-9]+) bytes: (.*)");
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::smatch words;
        detail = line;
        if (!c.line.empty() && line.find(c.line) == 0) { return true; }
        if (!std::regex_match(line, words, form)) { continue; }
        bool error = c.errors.empty();
        for (const int candidate : c.errors) {
            error = error || words[6].str().find("(errno " + std::to_string(candidate) + ")") !=
                                 std::string::npos;
        }
        const int64_t said = std::stoll(words[5]);
        if (words[1] != (c.read_op ? "read" : "write")) {
            detail += " [the operation]";
        } else if (std::stoll(words[2]) != c.num_bytes) {
            detail += " [the size]";
        } else if (std::stoll(words[3]) != c.file_offset) {
            detail += " [the offset]";
        } else if (!c.other_descriptor && words[4] != path) {
            detail += " [the path]";
        } else if (said > moved || (c.moved != -1 && said != c.moved)) {
            detail += " [moved were " + std::to_string(c.moved == -1 ? moved : c.moved) + "]";
        } else if (!error) {
            detail += " [the errno]";
        } else {
            return true;
        }
        return false;
    }
    return false;
}

Result judge(const Case& c, const std::string& path, const File& file, const Memory& memory,
             int status, const std::string& output)
{
    std::string detail;
    if (WIFEXITED(status) && WEXITSTATUS(status) == cannot_run) {
        return {Outcome::skipped, output};
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == refused_to_open) {
        const bool named = output.find(" failed on " + path + " error = ") != std::string::npos;
        return {named ? Outcome::named : Outcome::died, output};
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == wrong_in_a_round) {
        return {Outcome::silent, "wrong bytes in the file after one of several rounds"};
    }
    const bool complete = WIFEXITED(status) && WEXITSTATUS(status) == returned;
    int64_t in_file = 0, in_memory = 0;
    const int64_t file_wrong = file.wrong_bytes(complete, in_file);
    const int64_t memory_wrong = memory.wrong_bytes(complete, in_memory);
    if (file_wrong > 0) {
        detail += std::to_string(file_wrong) + " bytes of the file are wrong, the first at " +
                  std::to_string(in_file) + "; ";
    }
    if (memory_wrong > 0) {
        detail += std::to_string(memory_wrong) + " bytes of memory are wrong, the first at " +
                  std::to_string(in_memory) + " of the transfer; ";
    }
    if (complete) { return {detail.empty() ? Outcome::right : Outcome::silent, detail}; }
    if (!detail.empty()) { return {Outcome::died, "outside the transfer " + detail + output}; }
    if (WIFEXITED(status) && WEXITSTATUS(status) == wrong_record) {
        return {Outcome::died, "what was recorded does not fit the line: " + output};
    }
    const int64_t moved = c.read_op ? memory.read_bytes() : file.written_bytes();
    if (names_the_failure(c, path, output, moved, detail)) { return {Outcome::named, detail}; }
    if (WIFSIGNALED(status)) { detail += std::string(" (") + strsignal(WTERMSIG(status)) + ")"; }
    return {Outcome::died, detail};
}

}  // namespace

Result run_case(const Case& c, int time_limit_s)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string reason;
    std::unique_ptr<TemporaryFile> temporary;
    std::string path = "/tmp/file";
    if (c.disk == Disk::usual) {
        const std::string directory = direct_io_dir(reason);
        if (directory.empty()) { return {Outcome::skipped, reason}; }
        temporary = std::make_unique<TemporaryFile>(directory);
        char* full = realpath(temporary->path().c_str(), nullptr);
        path = full;
        free(full);
    } else {
        // Nothing but this process sees it there.
        reason = mount_disk(c.disk, "/tmp");
        if (!reason.empty()) { return {Outcome::skipped, reason}; }
    }
    const File file(c, path);
    if (!file.ready()) { return {Outcome::skipped, "the file cannot be made: " + path}; }
    Memory memory(c);
    memory.fill();

    const int output = memfd_create("output", MFD_CLOEXEC);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        make_transfer(c, path, memory);
    }
    int status = -1;
    if (!wait_for(child, time_limit_s, status)) {
        return {Outcome::hangs, "not at its end after " + std::to_string(time_limit_s) + " s"};
    }
    return judge(c, path, file, memory, status, read_all(output));
}
