/* A C11 program on the dsaio_* functions: writes a file with O_DIRECT through libaio, reads it
   back and compares.

   usage: caller FILE */

/* For O_DIRECT, and for libaio.h, which needs more than ISO C. */
#define _GNU_SOURCE

#include <deepspeed_aio_utils.h>
#include <libaio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE ((uint64_t)16384)
#define NUM_BYTES ((int64_t)(6 * 16384 + 4096)) /* seven blocks, the last one shorter */
#define FILE_OFFSET ((int64_t)8192)
#define BUFFER_OFFSET ((int64_t)4096)
#define QUEUE_DEPTH 3

static void check(bool holds, const char* what, int line)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: FAILED: %s (errno %d)\n", __FILE__, line, what, errno);
        exit(1);
    }
}
#define CHECK(condition) check(condition, #condition, __LINE__)

/* Submits the requests, waits for them, and returns how many bytes they moved. */
static int64_t run(io_context_t queue, struct iocb** iocbs, int count)
{
    struct io_event events[QUEUE_DEPTH];
    int64_t moved = 0;
    CHECK(io_submit(queue, count, iocbs) == count);
    CHECK(io_getevents(queue, count, count, events, NULL) == count);
    for (int i = 0; i < count; ++i) {
        CHECK((long)events[i].res > 0);
        moved += (int64_t)events[i].res;
    }
    return moved;
}

static void write_in_batches(const struct dsaio_transfer* transfer, io_context_t queue,
                             struct iocb** iocbs)
{
    int64_t position = 0;
    int64_t moved = 0;
    int count;
    while ((count = dsaio_prep_batch(transfer, false, BLOCK_SIZE, position, iocbs, QUEUE_DEPTH)) >
           0) {
        moved += run(queue, iocbs, count);
        position += count * (int64_t)BLOCK_SIZE;
        if (position > transfer->num_bytes) { position = transfer->num_bytes; }
    }
    CHECK(count == 0);
    CHECK(moved == transfer->num_bytes);
}

static void read_by_generator(const struct dsaio_transfer* transfer, io_context_t queue,
                              struct iocb** iocbs)
{
    struct dsaio_generator generator;
    int64_t moved = 0;
    int count;
    CHECK(dsaio_generator_init(&generator, transfer, true, BLOCK_SIZE) == 0);
    while ((count = dsaio_generator_prep(&generator, iocbs, QUEUE_DEPTH)) > 0) {
        moved += run(queue, iocbs, count);
    }
    CHECK(count == 0);
    CHECK(moved == transfer->num_bytes);
    CHECK(generator.position == transfer->num_bytes);
}

int main(int argc, char** argv)
{
    struct iocb storage[QUEUE_DEPTH];
    struct iocb* iocbs[QUEUE_DEPTH];
    const int64_t buffer_size = BUFFER_OFFSET + NUM_BYTES;
    const int64_t file_size = FILE_OFFSET + NUM_BYTES;
    struct dsaio_transfer transfer = {
        .file_offset = FILE_OFFSET, .buffer_offset = BUFFER_OFFSET, .num_bytes = NUM_BYTES};
    io_context_t queue = NULL;
    void* memory = NULL;
    unsigned char* out;
    unsigned char* in;
    int64_t size = 0;

    CHECK(argc == 2);
    CHECK(strlen(dsaio_version()) >= strlen("0.0.0"));
    CHECK(dsaio_alloc(buffer_size, false, &memory) == 0);
    out = memory;
    CHECK(dsaio_alloc(buffer_size, false, &memory) == 0);
    in = memory;
    for (int64_t i = 0; i < buffer_size; ++i) { out[i] = (unsigned char)(i * i >> 7); }
    memset(in, 0, buffer_size);
    for (int i = 0; i < QUEUE_DEPTH; ++i) { iocbs[i] = &storage[i]; }
    CHECK(io_queue_init(QUEUE_DEPTH, &queue) == 0);

    transfer.fd = open(argv[1], O_RDWR | O_CREAT | O_DIRECT, 0600);
    CHECK(transfer.fd != -1);
    transfer.buffer = out;
    write_in_batches(&transfer, queue, iocbs);
    CHECK(dsaio_fd_file_size(transfer.fd, &size) == 0 && size == file_size);
    CHECK(dsaio_file_size(argv[1], &size) == 0 && size == file_size);

    transfer.buffer = in;
    read_by_generator(&transfer, queue, iocbs);
    for (int64_t i = 0; i < BUFFER_OFFSET; ++i) { CHECK(in[i] == 0); }
    CHECK(memcmp(in + BUFFER_OFFSET, out + BUFFER_OFFSET, NUM_BYTES) == 0);

    CHECK(io_queue_release(queue) == 0);
    CHECK(close(transfer.fd) == 0);
    CHECK(dsaio_free(out, buffer_size) == 0);
    CHECK(dsaio_free(in, buffer_size) == 0);
    CHECK(dsaio_free(NULL, 0) == 0);
    return 0;
}
