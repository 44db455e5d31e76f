/* A C11 and C++14 program on the functions of dsaio_transfer.h: writes a file, reads it back and
   compares; and what invalid arguments get.

   usage: caller FILE */

#include <dsaio_transfer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BLOCK_SIZE ((uint64_t)16384)
#define NUM_BYTES ((int64_t)(6 * 16384 + 1234)) /* seven blocks, the last one no whole sector */
#define FILE_OFFSET ((int64_t)8192 + 1)

static void check(bool holds, const char* what, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: FAILED: %s (errno %d)\n", __FILE__, line, what, errno);
        exit(1);
    }
}
#define CHECK(condition) check(condition, #condition, __LINE__)

static struct dsaio_failure failure;

/* The call failed with this errno, and said so. */
static void expect(int result, int error, bool read_op)
{
    CHECK(result == -error && failure.error == error && failure.read_op == read_op);
    CHECK(failure.file_offset == FILE_OFFSET && failure.moved == 0);
    CHECK(strlen(failure.message) > 0);
    memset(&failure, 0xff, sizeof failure);
}

static void invalid_calls(struct dsaio_queue* queue, int fd, unsigned char* memory)
{
    struct dsaio_queue* none = queue;
    const int64_t n = NUM_BYTES, at = FILE_OFFSET;
    CHECK(dsaio_queue_new(1, NULL) == -EFAULT);
    CHECK(dsaio_queue_new(0, &none) == -EINVAL && none == queue);
    expect(dsaio_queue_read(NULL, fd, at, memory, n, 1, &failure), EFAULT, true);
    expect(dsaio_queue_read(queue, fd, at, NULL, n, 1, &failure), EFAULT, true);
    expect(dsaio_queue_write(queue, fd, at, NULL, n, 1, &failure), EFAULT, false);
    expect(dsaio_queue_write(queue, -1, at, memory, n, 1, &failure), EBADF, false);
    expect(dsaio_queue_write(queue, fd, at, memory, -1, 1, &failure), EINVAL, false);
    expect(dsaio_queue_write(queue, fd, at, memory, n, 0, &failure), EINVAL, false);
    expect(dsaio_queue_write(queue, fd, at, memory, INT64_MAX, 1, &failure), EOVERFLOW, false);
    CHECK(dsaio_queue_read(queue, fd, -1, memory, n, 1, NULL) == -EINVAL);
    CHECK(dsaio_open_file(NULL, true) == -EFAULT);
    CHECK(dsaio_open_file("/nonexistent/file", true) == -ENOENT);
    dsaio_queue_free(NULL);
}

/* The last call: the limit stays. */
static void no_memory(void)
{
    const struct rlimit limit = {(rlim_t)1 << 32, (rlim_t)1 << 32};
    struct dsaio_queue* none = NULL;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(dsaio_queue_new(UINT32_MAX, &none) == -ENOMEM && none == NULL);
}

static void recorders(void)
{
    struct dsaio_recorder *outer = NULL, *inner = NULL;
    CHECK(dsaio_recorder_new(NULL) == -EFAULT);
    CHECK(dsaio_recorder_new(&outer) == 0 && dsaio_recorder_new(&inner) == 0);
    CHECK(dsaio_recorder_enter(NULL) == -EFAULT && dsaio_recorder_leave(NULL) == -EFAULT);
    CHECK(dsaio_recorder_leave(outer) == -EINVAL);
    CHECK(dsaio_recorder_enter(outer) == 0 && dsaio_recorder_enter(inner) == 0);
    CHECK(dsaio_recorder_leave(outer) == -EINVAL);
    CHECK(dsaio_recorder_leave(inner) == 0 && dsaio_recorder_leave(outer) == 0);
    CHECK(dsaio_recorder_next(outer, &failure) == 0);
    CHECK(dsaio_recorder_next(outer, NULL) == -EFAULT);
    CHECK(dsaio_recorder_next(NULL, &failure) == -EFAULT);
    CHECK(dsaio_recorder_notice(outer, failure.message, sizeof(failure.message)) == 0);
    CHECK(dsaio_recorder_notice(outer, failure.message, 0) == -EINVAL);
    CHECK(dsaio_recorder_notice(outer, NULL, 1) == -EFAULT);
    CHECK(dsaio_recorder_notice(NULL, failure.message, 1) == -EFAULT);
    CHECK(dsaio_recorder_next_file(outer) == -ENOENT && dsaio_recorder_keep_files(outer) == 0);
    CHECK(dsaio_recorder_next_file(outer) == -ENOENT && dsaio_recorder_keep_files(NULL) == -EFAULT);
    CHECK(dsaio_recorder_next_file(NULL) == -EFAULT);
    dsaio_recorder_free(inner);
    dsaio_recorder_free(outer);
    dsaio_recorder_free(NULL);
}

int main(int argc, char** argv)
{
    struct dsaio_queue* queue = NULL;
    unsigned char* out = (unsigned char*)malloc(NUM_BYTES);
    unsigned char* in = (unsigned char*)malloc(NUM_BYTES + 1);
    int fd;

    CHECK(argc == 2 && out != NULL && in != NULL);
    CHECK(strlen(dsaio_transfer_version()) >= strlen("0.0.0"));
    for (int64_t i = 0; i < NUM_BYTES; ++i) { out[i] = (unsigned char)(i * i >> 7); }
    memset(in, 0, NUM_BYTES + 1);
    CHECK(dsaio_queue_new(3, &queue) == 0);

    fd = dsaio_open_file(argv[1], false);
    CHECK(fd >= 0);
    CHECK(dsaio_queue_write(queue, fd, FILE_OFFSET, out, NUM_BYTES, BLOCK_SIZE, NULL) == 0);
    invalid_calls(queue, fd, out);
    CHECK(close(fd) == 0);

    fd = dsaio_open_file(argv[1], true);
    CHECK(fd >= 0);
    CHECK(dsaio_queue_read(queue, fd, FILE_OFFSET, in, NUM_BYTES, BLOCK_SIZE, &failure) == 0);
    CHECK(memcmp(in, out, NUM_BYTES) == 0);
    CHECK(dsaio_queue_read(queue, fd, FILE_OFFSET, in, NUM_BYTES + 1, BLOCK_SIZE, &failure) ==
          -ENODATA);
    CHECK(failure.error == ENODATA && failure.read_op && failure.moved == NUM_BYTES);
    CHECK(failure.num_bytes == NUM_BYTES + 1 && strstr(failure.message, failure.path) != NULL);
    CHECK(strcmp(failure.path + strlen(failure.path) - strlen("/file"), "/file") == 0);
    CHECK(close(fd) == 0);
    dsaio_queue_free(queue);

    recorders();
    free(out);
    free(in);
    no_memory();
    return 0;
}
