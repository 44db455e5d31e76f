#pragma once

#include <string>

// A directory whose file system takes O_DIRECT writes at 4096-byte granularity: $DSAIO_TEST_DIR if
// it is set, or else the first of the working directory, $TMPDIR, /var/tmp and /tmp that does.
// Empty where none does; `reason` then says what each one answered. The choice is printed once.
std::string direct_io_dir(std::string& reason);

// A new file in the direct_io_dir(), removed at the end of the scope.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& directory);
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    const std::string& path() const { return path_; }

  private:
    std::string path_;
};
