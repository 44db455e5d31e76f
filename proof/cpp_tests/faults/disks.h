#pragma once

#include "faults/case.h"

// Mounts the disk on the directory. The calling process gets a mount namespace of its own first, so
// when it ends, however that happens, the mount and the loop device are gone. Returns the reason
// where that cannot be done here, else "".
std::string mount_disk(Disk disk, const std::string& directory);

// From now on every write to the disk fails, which the file system reports as EIO.
void fail_disk();
