// Prints what a caller's compiler makes of deepspeed_aio_utils.h: layouts, types of all
// declarations, and where the objects' words are at run time. Compiled with the original's header
// and with ours; both must print expected.txt.

#include <deepspeed_aio_utils.h>

// 0.19.5 and later declare the allocator in a header of its own.
#if __has_include(<page_alloc.h>)
#include <page_alloc.h>
#endif

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <type_traits>

// offsetof of members beside a reference: g++ and clang++ support it.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace {

using Owner = std::unique_ptr<io_xfer_ctxt>;
using Iocbs = std::vector<struct iocb*>;

// Byte offset of the one word of `object` that holds `value`; -1 where none or several do.
template <typename T>
int place_in(const T& object, const void* value)
{
    int place = -1;
    for (size_t offset = 0; offset + sizeof(void*) <= sizeof(T); offset += sizeof(void*)) {
        const void* word;
        std::memcpy(&word, reinterpret_cast<const char*>(&object) + offset, sizeof word);
        if (word == value) {
            if (place != -1) { return -1; }
            place = static_cast<int>(offset);
        }
    }
    return place;
}

// Storage for an object, filled with a byte that no valid pointer is made of.
template <typename T>
class Poisoned {
  public:
    Poisoned() { std::memset(storage_, 0xa5, sizeof storage_); }
    void* storage() { return storage_; }
    int place_of(const void* value) const { return place_in(storage_, value); }

  private:
    alignas(T) char storage_[sizeof(T)];
};

// How much memory the process has locked.
long locked_kib()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.compare(0, 6, "VmLck:") == 0) { return std::stol(line.substr(6)); }
    }
    return -1;
}

const char* yes_or_no(bool value) { return value ? "yes" : "no"; }

// Prints `expected` only where `Actual` is that type, const and all.
template <typename Actual, typename Expected>
const char* type_name(const char* expected)
{
    return std::is_same<Actual, Expected>::value ? expected : "another type";
}

#define MEMBER_TYPE(type, member, ...) type_name<decltype(type::member), __VA_ARGS__>(#__VA_ARGS__)
#define FIELD(type, member, ...)                                    \
    printf("  %-20s @ %2zu  %s\n", #member, offsetof(type, member), \
           MEMBER_TYPE(type, member, __VA_ARGS__))
#define REFERENCE(type, member, offset, ...) \
    printf("  %-20s @ %2d  %s\n", #member, offset, MEMBER_TYPE(type, member, __VA_ARGS__))
// clang-format stays away from the types, which are printed as they are written.
#define FUNCTION(expression, ...) \
    printf("%s\n  %s\n", #expression, type_name<decltype(expression), __VA_ARGS__>(#__VA_ARGS__))

template <typename T>
void size(const char* name)
{
    printf("\n%s: %zu bytes, aligned to %zu\n", name, sizeof(T), alignof(T));
}

template <typename T>
void traits()
{
    printf(
        "  default constructor %s, copy constructor %s, assignment %s, trivial destructor %s, "
        "virtual functions %s\n",
        yes_or_no(std::is_default_constructible<T>::value),
        yes_or_no(std::is_copy_constructible<T>::value),
        yes_or_no(std::is_copy_assignable<T>::value),
        yes_or_no(std::is_trivially_destructible<T>::value),
        yes_or_no(std::is_polymorphic<T>::value));
}

void transfer()
{
    size<io_xfer_ctxt>("io_xfer_ctxt");
    FIELD(io_xfer_ctxt, _fd, const int);
    FIELD(io_xfer_ctxt, _file_base_offset, const int64_t);
    FIELD(io_xfer_ctxt, _buffer_base_offset, const int64_t);
    FIELD(io_xfer_ctxt, _mem_buffer, const void*);
    FIELD(io_xfer_ctxt, _num_bytes, const int64_t);
    traits<io_xfer_ctxt>();
    printf("  from (fd, file_offset, buffer_offset, num_bytes, buffer) %s, without the last %s\n",
           yes_or_no(std::is_constructible<io_xfer_ctxt, int, int64_t, int64_t, int64_t,
                                           const void*>::value),
           yes_or_no(std::is_constructible<io_xfer_ctxt, int, int64_t, int64_t, int64_t>::value));
}

// offsetof cannot name a reference: the constructor, out of the library, says where it is, and
// reading it through the member says whether this compiler agrees.
void context(const Owner& owner, const Iocbs& iocbs)
{
    Poisoned<io_prep_context> object;
    const auto& made = *new (object.storage()) io_prep_context(true, owner, 4096, &iocbs);
    size<io_prep_context>("io_prep_context");
    FIELD(io_prep_context, _read_op, const bool);
    REFERENCE(io_prep_context, _xfer_ctxt, object.place_of(&owner),
              const std::unique_ptr<io_xfer_ctxt>&);
    FIELD(io_prep_context, _block_size, const size_t);
    FIELD(io_prep_context, _iocbs, const std::vector<struct iocb*>*);
    traits<io_prep_context>();
    printf("  the reference is read back %s, the others %s\n",
           yes_or_no(&made._xfer_ctxt == &owner),
           yes_or_no(made._read_op && made._block_size == 4096 && made._iocbs == &iocbs));
    printf("  from (read_op, xfer_ctxt, block_size, iocbs) %s, without the last %s\n",
           yes_or_no(std::is_constructible<io_prep_context, bool, const Owner&, size_t,
                                           const Iocbs*>::value),
           yes_or_no(std::is_constructible<io_prep_context, bool, const Owner&, size_t>::value));
    // clang-format off
    FUNCTION(&io_prep_context::prep_iocbs,
             void (io_prep_context::*)(int, size_t, const void*, int64_t));
    // clang-format on
}

void generator(const Owner& owner)
{
    Poisoned<io_prep_generator> object;
    const auto& made = *new (object.storage()) io_prep_generator(true, owner, 4096);
    size<io_prep_generator>("io_prep_generator");
    FIELD(io_prep_generator, _read_op, const bool);
    REFERENCE(io_prep_generator, _xfer_ctxt, object.place_of(&owner),
              const std::unique_ptr<io_xfer_ctxt>&);
    FIELD(io_prep_generator, _block_size, const size_t);
    FIELD(io_prep_generator, _remaining_bytes, int64_t);
    FIELD(io_prep_generator, _num_io_blocks, int64_t);
    FIELD(io_prep_generator, _remaining_io_blocks, int64_t);
    FIELD(io_prep_generator, _next_iocb_index, int64_t);
    traits<io_prep_generator>();
    printf("  the reference is read back %s, the others %s\n",
           yes_or_no(&made._xfer_ctxt == &owner),
           yes_or_no(made._read_op && made._block_size == 4096 && made._remaining_bytes == 10000 &&
                     made._num_io_blocks == 3 && made._remaining_io_blocks == 3 &&
                     made._next_iocb_index == 0));
    printf("  from (read_op, xfer_ctxt, block_size) %s, without the last %s\n",
           yes_or_no(std::is_constructible<io_prep_generator, bool, const Owner&, size_t>::value),
           yes_or_no(std::is_constructible<io_prep_generator, bool, const Owner&>::value));
    // clang-format off
    FUNCTION(&io_prep_generator::prep_iocbs,
             int (io_prep_generator::*)(int, std::vector<struct iocb*>*));
    // clang-format on
}

// The library reads these two without their classes.
void standard_library(const Owner& owner, const Iocbs& iocbs)
{
    size<Owner>("std::unique_ptr<io_xfer_ctxt>");
    printf("  get()        @ %2d\n", place_in(owner, owner.get()));
    size<Iocbs>("std::vector<struct iocb*>");
    printf("  data()       @ %2d\n", place_in(iocbs, iocbs.data()));
    printf("  + size()     @ %2d\n", place_in(iocbs, iocbs.data() + iocbs.size()));
    printf("  + capacity() @ %2d\n", place_in(iocbs, iocbs.data() + iocbs.capacity()));
}

void request()
{
    size<struct iocb>("struct iocb");
    printf(
        "  data %zu, key %zu, aio_rw_flags %zu, aio_lio_opcode %zu, aio_reqprio %zu, "
        "aio_fildes %zu\n",
        offsetof(struct iocb, data), offsetof(struct iocb, key),
        offsetof(struct iocb, aio_rw_flags), offsetof(struct iocb, aio_lio_opcode),
        offsetof(struct iocb, aio_reqprio), offsetof(struct iocb, aio_fildes));
    printf("  u.c.buf %zu, u.c.nbytes %zu, u.c.offset %zu, u.c.flags %zu, u.c.resfd %zu\n",
           offsetof(struct iocb, u.c.buf), offsetof(struct iocb, u.c.nbytes),
           offsetof(struct iocb, u.c.offset), offsetof(struct iocb, u.c.flags),
           offsetof(struct iocb, u.c.resfd));
    printf("  IO_CMD_PREAD %d, IO_CMD_PWRITE %d\n", IO_CMD_PREAD, IO_CMD_PWRITE);
}

void functions()
{
    printf("\n");
// clang-format off
#if HAS_FD_FILE_SIZE
    FUNCTION(&get_file_size, int64_t (*)(const char*, int64_t&));
    FUNCTION(&get_fd_file_size, int64_t (*)(int, int64_t&));
#else
    FUNCTION(&get_file_size, int (*)(const char*, int64_t&));
#endif
    // clang-format on
    FUNCTION(&ds_page_aligned_alloc, void* (*)(int64_t, bool));
    const long locked = locked_kib();
    void* unlocked = ds_page_aligned_alloc(4096);
    printf("  lock may be left out, and then is false: %s\n",
           yes_or_no(unlocked != nullptr && locked_kib() == locked));
    free(unlocked);
}

}  // namespace

int main()
{
    const Owner owner(new io_xfer_ctxt(3, 0, 0, 10000, nullptr));
    Iocbs iocbs(3);
    iocbs.reserve(8);
    transfer();
    context(owner, iocbs);
    generator(owner);
    standard_library(owner, iocbs);
    request();
    functions();
}
