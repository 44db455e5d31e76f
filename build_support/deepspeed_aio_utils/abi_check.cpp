// The layouts that the library assumes, asserted by the compiler that will build its callers.
// src/cxx/objects.rs and core/src/iocb.rs assert the same in Rust.

#include <deepspeed_aio_utils.h>

#include <cstddef>
#include <type_traits>

#if !defined(__linux__) || !defined(__LP64__)
#error "deepspeed_aio_utils supports 64-bit Linux (LP64) only"
#endif

// int64_t must be `long`: the mangled names of the functions say so.
static_assert(std::is_same<int64_t, long>::value, "int64_t is long");
static_assert(std::is_same<size_t, unsigned long>::value, "size_t is unsigned long");

static_assert(sizeof(std::unique_ptr<io_xfer_ctxt>) == 8, "unique_ptr is one pointer");
static_assert(sizeof(std::vector<struct iocb*>) == 24, "vector is begin, end, end of storage");
static_assert(sizeof(bool) == 1, "bool is one byte");

// Members are references and const: offsetof on such a type is conditionally supported, and
// supported by g++ and clang++.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

static_assert(sizeof(io_xfer_ctxt) == 40, "size of io_xfer_ctxt");
static_assert(offsetof(io_xfer_ctxt, _fd) == 0, "io_xfer_ctxt::_fd");
static_assert(offsetof(io_xfer_ctxt, _file_base_offset) == 8, "io_xfer_ctxt::_file_base_offset");
static_assert(offsetof(io_xfer_ctxt, _buffer_base_offset) == 16,
              "io_xfer_ctxt::_buffer_base_offset");
static_assert(offsetof(io_xfer_ctxt, _mem_buffer) == 24, "io_xfer_ctxt::_mem_buffer");
static_assert(offsetof(io_xfer_ctxt, _num_bytes) == 32, "io_xfer_ctxt::_num_bytes");

// A reference has no offset of its own; the fields around it leave it only one place.
static_assert(sizeof(io_prep_context) == 32, "size of io_prep_context");
static_assert(offsetof(io_prep_context, _read_op) == 0, "io_prep_context::_read_op");
static_assert(offsetof(io_prep_context, _block_size) == 16, "io_prep_context::_block_size");
static_assert(offsetof(io_prep_context, _iocbs) == 24, "io_prep_context::_iocbs");

static_assert(sizeof(io_prep_generator) == 56, "size of io_prep_generator");
static_assert(offsetof(io_prep_generator, _read_op) == 0, "io_prep_generator::_read_op");
static_assert(offsetof(io_prep_generator, _block_size) == 16, "io_prep_generator::_block_size");
static_assert(offsetof(io_prep_generator, _remaining_bytes) == 24,
              "io_prep_generator::_remaining_bytes");
static_assert(offsetof(io_prep_generator, _num_io_blocks) == 32,
              "io_prep_generator::_num_io_blocks");
static_assert(offsetof(io_prep_generator, _remaining_io_blocks) == 40,
              "io_prep_generator::_remaining_io_blocks");
static_assert(offsetof(io_prep_generator, _next_iocb_index) == 48,
              "io_prep_generator::_next_iocb_index");

static_assert(sizeof(struct iocb) == 64, "size of struct iocb");
static_assert(offsetof(struct iocb, data) == 0, "iocb.data");
static_assert(offsetof(struct iocb, aio_lio_opcode) == 16, "iocb.aio_lio_opcode");
static_assert(offsetof(struct iocb, aio_reqprio) == 18, "iocb.aio_reqprio");
static_assert(offsetof(struct iocb, aio_fildes) == 20, "iocb.aio_fildes");
static_assert(offsetof(struct iocb, u.c.buf) == 24, "iocb.u.c.buf");
static_assert(offsetof(struct iocb, u.c.nbytes) == 32, "iocb.u.c.nbytes");
static_assert(offsetof(struct iocb, u.c.offset) == 40, "iocb.u.c.offset");
static_assert(offsetof(struct iocb, u.c.flags) == 56, "iocb.u.c.flags");
static_assert(offsetof(struct iocb, u.c.resfd) == 60, "iocb.u.c.resfd");
static_assert(IO_CMD_PREAD == 0 && IO_CMD_PWRITE == 1, "opcodes");

static_assert(sizeof(struct dsaio_transfer) == 40, "size of dsaio_transfer");
static_assert(sizeof(struct dsaio_generator) == 64, "size of dsaio_generator");
