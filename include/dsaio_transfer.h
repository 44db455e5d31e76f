// SPDX-License-Identifier: Apache-2.0

/// dsaio_transfer: reads and writes of whole ranges of files with O_DIRECT that move every byte or say
/// why not, for C and C++.
///
/// Link with -ldeepspeed_aio_common, the library that takes the place of DeepSpeed's
/// deepspeed_aio_common.cpp and deepspeed_aio_types.cpp. C++ programs on DeepSpeed's sources include
/// DeepSpeed's headers for those; the recorders below are for them, too.
///
/// A call that fails changes nothing but what it says; nothing is printed but the two notices, what
/// dsaio_recorder_free() says, and the line that ends the process where the kernel refuses both io_getevents and
/// io_destroy with requests in flight.

#pragma once

/* Generated from the Rust sources by cbindgen. Change those, then run: make header */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of dsaio_failure.path.
#define DSAIO_PATH_SIZE 4096

/// Bytes of dsaio_failure.message.
#define DSAIO_MESSAGE_SIZE 5120

/// The requests that are in flight at once during a transfer.
///
/// One thread at a time uses a queue. It belongs to the process that made it: after a fork() the child
/// can free it, and nothing else.
struct dsaio_queue;

/// Takes the failures of transfers that DeepSpeed's C++ functions could not report otherwise, in
/// place of a line on stderr and an abort.
///
/// A thread enters a recorder, constructs `aio_context`s (a handle of DeepSpeed's, for example), and
/// leaves it. Failed transfers on these contexts, on any thread, wait in the recorder until
/// dsaio_recorder_next() takes them; so do files that open_file() cannot open on that thread between
/// enter and leave. All functions may be called from several threads at once.
struct dsaio_recorder;

/// Why a transfer failed, or a file could not be opened.
///
/// Both texts end in a zero byte; one that is too long is cut.
struct dsaio_failure {
  /// The errno, positive.
  int32_t error;
  /// `true`: a read of the file; `false`: a write.
  bool read_op;
  /// Where the range begins in the file, in bytes.
  int64_t file_offset;
  /// Length of the range, in bytes.
  int64_t num_bytes;
  /// How many of these bytes moved before the failure.
  int64_t moved;
  /// The file, as the kernel names it or as it was to be opened; empty where none is known.
  char path[DSAIO_PATH_SIZE];
  /// All of it as one sentence, with what can be done.
  char message[DSAIO_MESSAGE_SIZE];
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// Makes a queue.
///
/// Where the kernel has no room for that many requests (fs.aio-max-nr), the queue works with fewer,
/// and one line on stderr says so, once per process.
///
/// @param depth  requests in flight at most; at least 1
/// @param queue  receives the queue, which dsaio_queue_free() releases
///
/// @return 0, or a negative errno with `*queue` unchanged: -EFAULT for a null pointer, -EINVAL for a
///         depth of 0, -ENOMEM where there is no memory for that depth.
int dsaio_queue_new(uint32_t depth,
                    struct dsaio_queue **queue);

/// Releases a queue.
///
/// @param queue  the queue; null does nothing
void dsaio_queue_free(struct dsaio_queue *queue);

/// Reads a range of a file into memory. When it returns, nothing is in flight.
///
/// Offset, length, memory and block size need no alignment: what O_DIRECT does not take is moved
/// through the page cache.
///
/// @param queue        the queue
/// @param fd           a file open for reads
/// @param file_offset  where the range begins in the file, in bytes
/// @param buffer       the memory, `num_bytes` long
/// @param num_bytes    length of the range; at least 0
/// @param block_size   bytes of one request; at least 1. (Small requests that follow each other
///                     may be joined, up to 64 KiB.)
/// @param failure      receives the reason where the result is not 0; may be null
///
/// @return 0: every byte was read. Otherwise a negative errno: -EFAULT for a null pointer, -EBADF for
///         a negative fd, -EINVAL for another value out of range and for the queue of another process,
///         -EOVERFLOW where the end of the range or of the memory cannot be addressed, each with
///         nothing read; -ENODATA where the file ends before the range does; or what the kernel
///         answered.
int dsaio_queue_read(struct dsaio_queue *queue,
                     int fd,
                     int64_t file_offset,
                     void *buffer,
                     int64_t num_bytes,
                     uint64_t block_size,
                     struct dsaio_failure *failure);

/// Writes memory to a range of a file. When it returns, nothing is in flight.
///
/// Offset, length, memory and block size need no alignment: what O_DIRECT does not take is moved
/// through the page cache, and is on the device as well on return.
///
/// @param queue        the queue
/// @param fd           a file open for writes
/// @param file_offset  where the range begins in the file, in bytes
/// @param buffer       the memory, `num_bytes` long
/// @param num_bytes    length of the range; at least 0
/// @param block_size   bytes of one request; at least 1. (Small requests that follow each other
///                     may be joined, up to 64 KiB.)
/// @param failure      receives the reason where the result is not 0; may be null
///
/// @return 0: every byte was written. Otherwise a negative errno, as dsaio_queue_read() has them.
int dsaio_queue_write(struct dsaio_queue *queue,
                      int fd,
                      int64_t file_offset,
                      const void *buffer,
                      int64_t num_bytes,
                      uint64_t block_size,
                      struct dsaio_failure *failure);

/// Opens a file with O_DIRECT.
///
/// Where the file system does not take O_DIRECT the file is opened without, and one line on stderr
/// says so, once per file system.
///
/// @param path     the path
/// @param read_op  true opens for reads; false for writes: the file is created if there is none
///                 (mode 0600), and keeps its contents if there is one
///
/// @return the file, which close() closes, or a negative errno: -EFAULT for a null pointer, otherwise
///         what open(2) answers.
int dsaio_open_file(const char *path,
                    bool read_op);

/// The library's version, "major.minor.patch"; a constant string that is never freed.
const char *dsaio_transfer_version(void);

/// Makes a recorder.
///
/// @param recorder  receives the recorder, which dsaio_recorder_free() releases
///
/// @return 0, or -EFAULT for a null pointer.
int dsaio_recorder_new(struct dsaio_recorder **recorder);

/// Makes a recorder the calling thread's current one: `aio_context`s that the thread constructs from
/// now on belong to it as long as they exist.
///
/// @param recorder  the recorder
///
/// @return 0, or -EFAULT for a null pointer.
int dsaio_recorder_enter(const struct dsaio_recorder *recorder);

/// Ends what dsaio_recorder_enter() began on the calling thread: the recorder that was current before,
/// if there was one, is current again.
///
/// @param recorder  the recorder that the thread entered last
///
/// @return 0, or a negative errno with nothing changed: -EFAULT for a null pointer, -EINVAL where the
///         thread did not enter this recorder last.
int dsaio_recorder_leave(const struct dsaio_recorder *recorder);

/// Takes the oldest failure out of a recorder.
///
/// @param recorder  the recorder
/// @param failure   receives the failure
///
/// @return 1 with the failure in `*failure`; 0 where there is none, and -EFAULT for a null pointer,
///         with `*failure` unchanged.
int dsaio_recorder_next(const struct dsaio_recorder *recorder, struct dsaio_failure *failure);

/// Takes a notice out of a recorder: where the kernel has no room for as many requests as contexts of the
/// recorder were to have (fs.aio-max-nr), a sentence that says so and what can be done.
///
/// @param recorder  the recorder
/// @param text      receives the sentence, which ends in a zero byte and is cut where it is too long
/// @param size      bytes of `text`; DSAIO_MESSAGE_SIZE is enough
///
/// @return 1 with the sentence in `*text`; 0 where there is none, -EFAULT for a null pointer and -EINVAL
///         for a size of 0, with `*text` unchanged.
int dsaio_recorder_notice(const struct dsaio_recorder *recorder,
                          char *text,
                          size_t size);

/// Keeps the files that open_file() opens from now on, on threads that have entered the recorder, for
/// dsaio_recorder_next_file().
///
/// @param recorder  the recorder
///
/// @return 0, or -EFAULT for a null pointer.
int dsaio_recorder_keep_files(const struct dsaio_recorder *recorder);

/// Takes the number of the file that was opened first out of a recorder. The program may have
/// closed it since.
///
/// @param recorder  the recorder
///
/// @return the file; -ENOENT where there is none, and -EFAULT for a null pointer.
int dsaio_recorder_next_file(const struct dsaio_recorder *recorder);

/// Releases a recorder.
///
/// Failures and a notice that nobody took are printed, one line each. Contexts that still belong to the
/// recorder end the process with a line when a transfer fails, as all others do.
///
/// @param recorder  the recorder; null does nothing
void dsaio_recorder_free(struct dsaio_recorder *recorder);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus
