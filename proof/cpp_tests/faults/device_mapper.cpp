// Transfers to a disk of the device mapper that starts to fail under an open file, all on one
// queue: every failed request is named, and the queue works again once the disk is restored.
//
// usage: device_mapper NAME DEVICE DIRECTORY
//   the disk's name, the device of 16 MiB behind it, and where it can be mounted

#include "support/pattern.h"

#include <dsaio_transfer.h>

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int64_t MiB = 1 << 20, whole = 16 * MiB;
constexpr int sectors = whole / 512;

std::string name, device;
dsaio_queue* queue;
int failed = 0;

void run(const std::string& command)
{
    if (system(command.c_str()) == 0) { return; }
    printf("FAILED: %s\n", command.c_str());
    exit(1);
}

std::string on_device(int from, int count, const std::string& target = "linear")
{
    return std::to_string(from) + " " + std::to_string(count) + " " + target + " " + device + " " +
           std::to_string(from);
}

// What the disk is from now on, also for files that are open.
void become(const std::string& table)
{
    run("printf '" + table + "\\n' | dmsetup reload " + name);
    run("dmsetup suspend --noflush --nolockfs " + name + " && dmsetup resume " + name);
}

void restore() { become(on_device(0, sectors)); }
// Down from the first second on.
void become_flaky(const std::string& features)
{
    become(on_device(0, sectors, "flakey") + " 0 3600 " + features);
}

void expect(bool good, const std::string& what, const std::string& found)
{
    printf("%s%s: %s\n", good ? "" : "FAILED: ", what.c_str(), found.c_str());
    failed += !good;
}

struct Range {
    int64_t offset, size;
};

std::vector<char> bytes(Range range, uint64_t seed)
{
    std::vector<char> memory(range.size);
    fill_pattern(memory.data(), memory.size(), seed);
    return memory;
}

// Moves the range, and says whether the answer is what it should be: 0, or an errno with at most
// `most` bytes moved before it.
void move(const std::string& what, bool read_op, int fd, Range range, std::vector<char>& memory,
          int error, int64_t most = 0)
{
    static dsaio_failure failure;
    failure = {};
    const auto [offset, size] = range;
    const int answer =
        read_op ? dsaio_queue_read(queue, fd, offset, memory.data(), size, 64 << 10, &failure)
                : dsaio_queue_write(queue, fd, offset, memory.data(), size, 64 << 10, &failure);
    const std::string number = "(errno " + std::to_string(error) + ")";
    const bool named = failure.error == error && failure.read_op == read_op &&
                       failure.file_offset == offset && failure.num_bytes == size &&
                       failure.moved <= most && strstr(failure.message, number.c_str()) != nullptr;
    expect(answer == -error && (error == 0 || named), what,
           answer == 0 ? "every byte moved" : failure.message);
}

void write(const std::string& what, int fd, Range range, uint64_t seed, int error, int64_t most = 0)
{
    std::vector<char> memory = bytes(range, seed);
    move(what + ", write", false, fd, range, memory, error, most);
}

void read(const std::string& what, int fd, Range range, uint64_t seed)
{
    std::vector<char> memory(range.size);
    move(what + ", read", true, fd, range, memory, 0);
    const size_t same = first_difference(memory.data(), memory.size(), seed);
    expect(same == memory.size(), what + ", bytes that were read",
           std::to_string(same) + " of " + std::to_string(memory.size()) + " are right");
}

void read_fails(const std::string& what, int fd, Range range, int64_t most)
{
    std::vector<char> memory(range.size);
    move(what + ", read", true, fd, range, memory, EIO, most);
}

void write_and_read(const std::string& what, int fd, Range range, uint64_t seed)
{
    write(what, fd, range, seed, 0);
    read(what, fd, range, seed);
}

constexpr Range aligned{0, 4 * MiB}, unaligned{5 * MiB + 100, MiB + 1000};

void fail_in_every_way(int fd)
{
    for (const Range range : {aligned, unaligned}) {
        const std::string kind = range.offset == 0 ? "" : ", not aligned";
        write_and_read("healthy" + kind, fd, range, 1);

        become_flaky("");
        write("down" + kind, fd, range, 2, EIO);
        // Its head may be in the page cache.
        read_fails("down" + kind, fd, range, range.offset == 0 ? 0 : 4096);
        restore();
        write_and_read("restored after down" + kind, fd, range, 3);

        become_flaky("1 error_writes");
        write("error_writes" + kind, fd, range, 4, EIO);
        restore();
        write_and_read("restored after error_writes" + kind, fd, range, 5);
    }
}

void fail_in_the_middle(int fd)
{
    const int bad = 2 * MiB / 512, length = MiB / 512;
    become(on_device(0, bad) + "\\n" + std::to_string(bad) + " " + std::to_string(length) +
           " error\\n" + on_device(bad + length, sectors - bad - length));
    write("error target", fd, aligned, 6, EIO, 2 * MiB);
    read_fails("error target", fd, aligned, 2 * MiB);
    write("error target, inside", fd, {2 * MiB + 100, 1000}, 6, EIO);
    write_and_read("error target, before it", fd, {0, 2 * MiB}, 7);
    write_and_read("error target, behind it", fd, {3 * MiB, MiB}, 8);
    restore();
    write_and_read("restored after the error target", fd, aligned, 9);
}

// The device lies, and nothing can tell.
void drop_writes(int fd)
{
    write("drop_writes, before", fd, aligned, 10, 0);
    become_flaky("1 drop_writes");
    write("drop_writes", fd, aligned, 11, 0);
    restore();
    read("drop_writes, what was there before", fd, aligned, 10);
}

int open_file(const std::string& path, int flags = 0)
{
    const int fd = open(path.c_str(), O_RDWR | O_DIRECT | flags, 0600);
    if (fd == -1) {
        perror(path.c_str());
        exit(1);
    }
    return fd;
}

void fill_file_system(const std::string& directory)
{
    const std::string file = directory + "/full";
    const int full = open_file(file, O_CREAT), next = open_file(directory + "/next", O_CREAT);
    write("full ext4", full, {0, 2 * whole}, 12, ENOSPC, whole);
    write("still full ext4", next, {0, MiB}, 13, ENOSPC, MiB);
    close(full);
    unlink(file.c_str());
    write_and_read("ext4 with room again", next, {0, 4 * MiB}, 14);
    fail_in_every_way(next);
    close(next);
}

}  // namespace

int main(int count, char** arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: device_mapper NAME DEVICE DIRECTORY\n");
        return 1;
    }
    name = arguments[1];
    device = arguments[2];
    const std::string directory = arguments[3], disk = "/dev/mapper/" + name;
    setbuf(stdout, nullptr);
    if (dsaio_queue_new(8, &queue) != 0) { return 1; }
    // Without udev nobody else makes the node.
    run("dmsetup create " + name + " --table '" + on_device(0, sectors) + "' && dmsetup mknodes");
    const int fd = open_file(disk);
    fail_in_every_way(fd);
    fail_in_the_middle(fd);
    drop_writes(fd);
    close(fd);
    run("mkfs.ext4 -q -F -m 0 " + disk + " && mount -t ext4 " + disk + " " + directory);
    fill_file_system(directory);
    dsaio_queue_free(queue);
    printf("%d failed\n", failed);
    return failed > 0 ? 1 : 0;
}
