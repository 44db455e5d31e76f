// SPDX-License-Identifier: Apache-2.0

/// deepspeed_aio_utils: the bottom layer of DeepSpeed's NVMe I/O, as one shared library.
///
/// C++ programs on DeepSpeed's sources include this in place of the original header of the same
/// name: same declarations, same symbols, same layouts. C programs (and C++ ones that prefer an
/// errno to an abort) use the flat dsaio_* structs and functions. Link with -ldeepspeed_aio_utils;
/// io_submit() and its like come from -laio, which this library itself does not need.
///
/// No function here starts I/O. They prepare `struct iocb`s for io_submit(), which copies them: an
/// iocb may be prepared again as soon as io_submit() has returned.

#pragma once

/* Generated from the Rust sources by cbindgen. Change those, then run: make header */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
// What the original header includes, because its users have come to rely on it.
#include <assert.h>
#include <fcntl.h>
#include <libaio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#if __has_include(<deepspeed_aio_types.h>)
#include <deepspeed_aio_types.h>
#endif
// DeepSpeed 0.19.5 and later declare ds_page_aligned_alloc in page_alloc.h, which lies beside
// deepspeed_pin_tensor.h. A default argument may be given only once, so a program that finds it by
// another path, or declares the function itself, defines DSAIO_PAGE_ALLOC_DECLARED before it
// includes this.
#ifndef DSAIO_PAGE_ALLOC_DECLARED
#if __has_include(<page_alloc.h>) && __has_include(<deepspeed_pin_tensor.h>)
#include <page_alloc.h>
#define DSAIO_PAGE_ALLOC_DECLARED
#endif
#endif
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>
#else
// libaio.h has it. Not included for C: it needs sigset_t, which strict C11 has only where the
// program asks for it (_GNU_SOURCE).
struct iocb;
#endif

/// What moves: a range of a file, and the memory on the other side.
///
/// The memory is `buffer + buffer_offset` and the `num_bytes` after it; the range begins at
/// `file_offset`. Neither file nor memory is touched or owned by this library: both must stay
/// valid until the last request that was prepared from it has completed. For O_DIRECT, memory
/// address, file offset and block size must be multiples of the file system's alignment
/// (`statx`, `STATX_DIOALIGN`); this library prepares unaligned requests all the same.
struct dsaio_transfer {
  /// The open file.
  int fd;
  /// Where the range begins in the file, in bytes.
  int64_t file_offset;
  /// Where the memory begins, in bytes after `buffer`.
  int64_t buffer_offset;
  /// Length of the range, in bytes.
  int64_t num_bytes;
  /// The buffer.
  void *buffer;
};

/// Hands out a transfer's blocks a few at a time, so that the queue never runs dry.
///
/// All fields are set by the initialisation; change none of them afterwards.
struct dsaio_generator {
  /// What moves.
  struct dsaio_transfer transfer;
  /// Size of every block but the last, in bytes.
  uint64_t block_size;
  /// Bytes handed out so far.
  int64_t position;
  /// `true` reads the file, `false` writes it.
  bool read_op;
};

#if defined(__cplusplus)
/// A transfer: which bytes of a file move, and the memory on the other side.
///
/// The file range begins at `_file_base_offset`, the memory at `_mem_buffer +
/// _buffer_base_offset`; both are `_num_bytes` long. Neither file nor memory is owned: they must
/// stay valid until the last request prepared from the transfer has completed.
struct io_xfer_ctxt {
  /// The open file.
  const int _fd;
  /// Where the range begins in the file, in bytes.
  const int64_t _file_base_offset;
  /// Where the memory begins, in bytes after `_mem_buffer`.
  const int64_t _buffer_base_offset;
  /// The buffer. A read writes to it.
  const void *_mem_buffer;
  /// Length in bytes.
  const int64_t _num_bytes;
  /// Stores its arguments.
  ///
  /// @param fd             an open file
  /// @param file_offset    where the range begins in the file, in bytes
  /// @param buffer_offset  where the memory begins, in bytes after `buffer`
  /// @param num_bytes      length in bytes; at least 0
  /// @param buffer         the memory; a read writes to it
  io_xfer_ctxt(const int fd,
               const int64_t file_offset,
               const int64_t buffer_offset,
               const int64_t num_bytes,
               const void* buffer);
};
#endif

#if defined(__cplusplus)
/// Prepares the requests of a transfer a batch at a time (DeepSpeed's sequential mode).
///
/// It keeps references to the `unique_ptr` and to the vector, and owns neither.
struct io_prep_context {
  /// Read from the file, or write to it.
  const bool _read_op;
  /// The transfer.
  const std::unique_ptr<io_xfer_ctxt>& _xfer_ctxt;
  /// Size of every block but a transfer's last, in bytes.
  const size_t _block_size;
  /// The requests that `prep_iocbs` fills, from index 0 on.
  const std::vector<struct iocb*>* _iocbs;
  /// Stores its arguments; neither is looked at before prep_iocbs().
  io_prep_context(const bool read_op,
                  const std::unique_ptr<io_xfer_ctxt>& xfer_ctxt,
                  const size_t block_size,
                  const std::vector<struct iocb*>* iocbs);

  /// Fills iocbs 0 to n_iocbs - 1, every byte of them, `data` included.
  ///
  /// Block i begins i * block_size bytes after `start_buffer + _buffer_base_offset` in memory and
  /// after `_file_base_offset + start_offset` in the file. It is block_size long, the last one what
  /// is left of `num_bytes`. Where num_bytes is above INT64_MAX, or holds fewer than n_iocbs blocks
  /// (an overflowed product), what is left of the transfer, `_num_bytes - start_offset`, takes its
  /// place, and blocks past the transfer's end are 0 bytes long.
  ///
  /// Aborts, with a line on stderr that says why, where n_iocbs is negative or above the vector's
  /// size, block_size is 0, or the transfer, the vector or an iocb is null.
  ///
  /// @param n_iocbs       how many requests
  /// @param num_bytes     how many bytes they move together
  /// @param start_buffer  the transfer's buffer, moved on by start_offset
  /// @param start_offset  bytes of the transfer that earlier calls prepared
  void prep_iocbs(const int n_iocbs,
                  const size_t num_bytes,
                  const void* start_buffer,
                  const int64_t start_offset);
};
#endif

#if defined(__cplusplus)
/// Prepares the requests of a transfer as the queue has room for them (DeepSpeed's overlap mode).
///
/// It keeps a reference to the `unique_ptr`, and does not own it. The four counters are for
/// reading; use one object from one thread only.
struct io_prep_generator {
  /// Read from the file, or write to it.
  const bool _read_op;
  /// The transfer.
  const std::unique_ptr<io_xfer_ctxt>& _xfer_ctxt;
  /// Size of every block but the last, in bytes.
  const size_t _block_size;
  /// Bytes not yet handed out.
  int64_t _remaining_bytes;
  /// Blocks of the whole transfer.
  int64_t _num_io_blocks;
  /// Blocks not yet handed out.
  int64_t _remaining_io_blocks;
  /// Index of the next block.
  int64_t _next_iocb_index;
  /// Stores its arguments and counts the transfer's blocks. Aborts, with a line on stderr that says
  /// why, where block_size is 0 or the transfer is null.
  io_prep_generator(const bool read_op,
                    const std::unique_ptr<io_xfer_ctxt>& xfer_ctxt,
                    const size_t block_size);

  /// Fills iocbs 0, 1, ... of the vector with the next blocks, every byte of them, `data` included.
  ///
  /// n_iocbs may be 0 (the queue is full): nothing changes. The iocbs of requests in flight may be
  /// among those that are filled.
  ///
  /// Aborts, with a line on stderr that says why, where n_iocbs is negative or above the vector's
  /// size, or the transfer, the vector or an iocb is null.
  ///
  /// @param n_iocbs  how many requests at most
  /// @param iocbs    the requests to fill
  ///
  /// @return how many were filled; 0 when every block has been handed out
  int prep_iocbs(const int n_iocbs, std::vector<struct iocb*>* iocbs);
};
#endif

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// Prepares the blocks of a transfer from a position on.
///
/// Fills `iocbs[0]`, `iocbs[1]`, … with the requests for the blocks that begin `position`,
/// `position + block_size`, … bytes after the transfer's start: as many as the transfer has, at
/// most `n_iocbs`. Each of them is overwritten as a whole, `data` included. Pass them to
/// `io_submit`; the next call's `position` is `block_size` times the count further on.
///
/// @param transfer    what moves; read during the call only
/// @param read_op     true reads the file into the memory, false writes the memory to the file
/// @param block_size  size of every block but the transfer's last, in bytes; at least 1
/// @param position    0 to `transfer->num_bytes`
/// @param iocbs       `n_iocbs` pointers to iocbs of the caller's; may be null where `n_iocbs` is 0
/// @param n_iocbs     how many
///
/// @return the number of iocbs filled (0 at the transfer's end), or a negative errno with nothing
///         changed: -EFAULT for a null pointer, -EBADF for a negative fd, -EINVAL for any other
///         value out of range, -EOVERFLOW where the end of the file range or of the memory cannot
///         be addressed.
int dsaio_prep_batch(const struct dsaio_transfer *transfer,
                     bool read_op,
                     uint64_t block_size,
                     int64_t position,
                     struct iocb *const *iocbs,
                     size_t n_iocbs);

/// Initialises a generator at a transfer's start.
///
/// @param generator   the struct to initialise; it needs no release
/// @param transfer    what moves; copied
/// @param read_op     true reads the file into the memory, false writes the memory to the file
/// @param block_size  size of every block but the last, in bytes; at least 1
///
/// @return 0, or a negative errno with nothing changed, as dsaio_prep_batch() has them.
int dsaio_generator_init(struct dsaio_generator *generator,
                         const struct dsaio_transfer *transfer,
                         bool read_op,
                         uint64_t block_size);

/// Prepares a generator's next blocks.
///
/// Fills `iocbs[0]`, `iocbs[1]`, … with the requests for the next blocks: as many as are left, at
/// most `n_iocbs`. Slots may be filled again while the requests made from them are in flight: the
/// kernel copied them at `io_submit`.
///
/// @param generator  an initialised generator, used by one thread at a time
/// @param iocbs      `n_iocbs` pointers to iocbs of the caller's; may be null where `n_iocbs` is 0
/// @param n_iocbs    how many
///
/// @return the number of iocbs filled, 0 when all blocks were handed out (or `n_iocbs` is 0), or a
///         negative errno with nothing changed, as dsaio_prep_batch() has them.
int dsaio_generator_prep(struct dsaio_generator *generator,
                         struct iocb *const *iocbs,
                         size_t n_iocbs);

/// Asks for the size of the file that a path names; symbolic links are followed.
///
/// @param path  the path
/// @param size  receives the size in bytes
///
/// @return 0, or a negative errno with `*size` unchanged: -EFAULT for a null pointer, otherwise
///         what stat(2) answers.
int dsaio_file_size(const char *path, int64_t *size);

/// Asks for the size of an open file.
///
/// @param fd    the file
/// @param size  receives the size in bytes
///
/// @return 0, or a negative errno with `*size` unchanged: -EFAULT for a null pointer, otherwise
///         what fstat(2) answers.
int dsaio_fd_file_size(int fd, int64_t *size);

/// Allocates a page-aligned buffer, locked in RAM on request.
///
/// The buffer is not initialised. With `lock`, every page of it is resident and locked on return.
/// Release it with dsaio_free(), or with `munlock(buffer, size)` and `free(buffer)`.
///
/// @param size    bytes; at least 1
/// @param lock    lock its pages (RLIMIT_MEMLOCK must allow it, or CAP_IPC_LOCK)
/// @param buffer  receives the buffer
///
/// @return 0, or a negative errno with `*buffer` unchanged and nothing allocated: -EFAULT for a
///         null pointer, -EINVAL for a size below 1, -ENOMEM where there is not that much memory
///         or the limit forbids it, otherwise what mlock(2) answers.
int dsaio_alloc(int64_t size, bool lock, void **buffer);

/// Unlocks and frees a buffer of dsaio_alloc() or `ds_page_aligned_alloc()`.
///
/// @param buffer  the buffer; null does nothing
/// @param size    the size that it was allocated with
///
/// @return 0, or -EINVAL with nothing released where `size` is below 0.
int dsaio_free(void *buffer, int64_t size);

/// The library's version, "major.minor.patch"; a constant string that is never freed.
const char *dsaio_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#ifdef __cplusplus

/// Asks for the size of the file that a path names; symbolic links are followed.
///
/// @return 0 with the size in bytes in `size`, or -1 with the reason in errno (what stat(2)
///         answers; EFAULT for a null path) and `size` unchanged.
int64_t get_file_size(const char* filename, int64_t& size);

/// Asks for the size of an open file.
///
/// @return 0 with the size in bytes in `size`, or -1 with the reason in errno (what fstat(2)
///         answers) and `size` unchanged.
int64_t get_fd_file_size(const int fd, int64_t& size);

#ifndef DSAIO_PAGE_ALLOC_DECLARED
/// Allocates `size` bytes, page-aligned and not initialised.
///
/// With `lock`, every page is resident and locked in RAM on return. The caller owns the memory and
/// releases it with munlock(ptr, size) and free(ptr).
///
/// From 2 MiB on the memory is aligned to huge pages where that helps; locked memory uses them where
/// the kernel has some, and from 256 MiB on several threads populate it. DSAIO_HUGE_PAGES=never and
/// DSAIO_POPULATE_THREADS=1 in the environment turn that off.
///
/// @return the memory, or nullptr with the reason in errno and nothing allocated: ENOMEM where there
///         is not that much memory; what mlock(2) answers (ENOMEM, EAGAIN, EPERM) where it cannot be
///         locked, with a line on stderr that says so and one that says how to raise the limit.
void* ds_page_aligned_alloc(const int64_t size, const bool lock = false);
#endif

#endif /* __cplusplus */
