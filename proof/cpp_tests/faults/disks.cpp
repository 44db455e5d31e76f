#include "faults/disks.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace {

std::string failed(const std::string& what)
{
    return what + " is not possible here: " + strerror(errno);
}

bool put(const char* file, const std::string& text)
{
    const int fd = open(file, O_WRONLY);
    const bool done = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    close(fd);
    return done;
}

// As root, or in a user namespace where it is root.
bool own_mounts()
{
    const std::string user = std::to_string(getuid()), group = std::to_string(getgid());
    return unshare(CLONE_NEWNS) == 0 ||
           (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put("/proc/self/setgroups", "deny") &&
            put("/proc/self/uid_map", "0 " + user + " 1") &&
            put("/proc/self/gid_map", "0 " + group + " 1"));
}

int run_mkfs(const std::string& image, const char* features)
{
    const pid_t child = fork();
    if (child == 0) {
        // Debian has it where the path of an ordinary user does not lead.
        setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
        // Inodes with room for a small file, for `inline_data`.
        execlp("mkfs.ext4", "mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-I", "1024", "-O",
               features, "-E", "nodiscard,lazy_itable_init=0", image.c_str(), nullptr);
        _exit(127);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A free loop device with that file behind it; the kernel frees it after its last close. -1 if
// none.
int attach(const std::string& image, unsigned sector, std::string& device)
{
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    const int file = open(image.c_str(), O_RDWR | O_CLOEXEC);
    loop_config config{};
    config.fd = static_cast<unsigned>(file);
    config.block_size = sector;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    int loop = -1;
    // Others may take the device that the kernel has just offered.
    for (int i = 0; i < 100 && loop == -1 && control != -1; ++i) {
        device = "/dev/loop" + std::to_string(ioctl(control, LOOP_CTL_GET_FREE));
        loop = open(device.c_str(), O_RDWR | O_CLOEXEC);
        if (loop == -1) { break; }
        if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) { break; }
        const int error = errno;
        close(loop);
        loop = -1;
        errno = error;
        if (error != EBUSY) { break; }
    }
    const int error = errno;
    close(file);
    close(control);
    errno = error;
    return loop;
}

// What a disk of ours has behind it; the process that makes the transfer has it too.
int image = -1;

// The image is a file without a name, so nothing is left of it either.
std::string mount_ext4(const std::string& directory, int64_t size, unsigned sector,
                       const char* features = "^has_journal")
{
    image = memfd_create("disk", MFD_ALLOW_SEALING);
    const std::string name = "/proc/self/fd/" + std::to_string(image);
    if (ftruncate(image, size) != 0) { return failed("an image of a disk"); }
    switch (run_mkfs(name, features)) {
        case 0:
            break;
        case 127:
            return "mkfs.ext4 is missing; Debian and Ubuntu have it in: e2fsprogs";
        default:
            return "mkfs.ext4 failed";
    }
    std::string device;
    const int loop = attach(name, sector, device);
    if (loop == -1) { return failed("a loop device"); }
    const int mounted = mount(device.c_str(), directory.c_str(), "ext4", 0, nullptr);
    const std::string reason = mounted == 0 ? "" : failed("mounting an ext4");
    close(loop);
    return reason;
}

std::string mount_simple(const char* type, const std::string& directory, const char* options)
{
    if (mount("dsaio", directory.c_str(), type, 0, options) == 0) { return ""; }
    return failed(std::string("mounting a ") + type);
}

// As in a container: the files are on a file system below.
std::string mount_overlay(const std::string& directory)
{
    const std::string reason = mount_ext4(directory, 16 * MiB, 512);
    if (!reason.empty()) { return reason; }
    std::string options;
    for (const std::string name : {"lowerdir", "upperdir", "workdir"}) {
        const std::string part = directory + "/" + name;
        mkdir(part.c_str(), 0755);
        options += (options.empty() ? "" : ",") + name + "=" + part;
    }
    return mount_simple("overlay", directory, options.c_str());
}

}  // namespace

std::string mount_disk(Disk disk, const std::string& directory)
{
    if (disk == Disk::usual) { return ""; }
    if (!own_mounts()) { return failed("a mount namespace"); }
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return failed("a private mount namespace");
    }
    switch (disk) {
        case Disk::tmpfs:
            return mount_simple("tmpfs", directory, "size=1m");
        case Disk::ramfs:
            return mount_simple("ramfs", directory, "");
        case Disk::sectors_4k:
            return mount_ext4(directory, 8 * MiB, 4096);
        case Disk::failing:
            return mount_ext4(directory, 16 * MiB, 512);
        case Disk::overlay:
            return mount_overlay(directory);
        case Disk::inline_data:
            return mount_ext4(directory, 16 * MiB, 512, "^has_journal,inline_data");
        default:
            return mount_ext4(directory, 2 * MiB, 512);
    }
}

void fail_disk() { fcntl(image, F_ADD_SEALS, F_SEAL_WRITE); }
