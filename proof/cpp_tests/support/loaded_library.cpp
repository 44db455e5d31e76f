#include "support/loaded_library.h"

#include <dlfcn.h>
#include <stdexcept>

namespace {

template <typename Function>
void resolve(void* handle, const char* symbol, Function& function)
{
    void* address = dlsym(handle, symbol);
    if (address == nullptr) { throw std::runtime_error(dlerror()); }
    function = reinterpret_cast<Function>(address);
}

}  // namespace

LoadedLibrary::LoadedLibrary(const std::string& path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
{
    if (handle_ == nullptr) { throw std::runtime_error(dlerror()); }
    resolve(handle_, "_ZN12io_xfer_ctxtC1EilllPKv", new_xfer);
    resolve(handle_,
            "_ZN15io_prep_contextC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEmPKSt6"
            "vectorIP4iocbSaIS9_EE",
            new_context);
    resolve(handle_, "_ZN15io_prep_context10prep_iocbsEimPKvl", context_prep);
    resolve(handle_,
            "_ZN17io_prep_generatorC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm",
            new_generator);
    resolve(handle_, "_ZN17io_prep_generator10prep_iocbsEiPSt6vectorIP4iocbSaIS2_EE",
            generator_prep);
    resolve(handle_, "_Z13get_file_sizePKcRl", file_size);
    // An original before 0.17.1 has none.
    fd_file_size =
        reinterpret_cast<decltype(fd_file_size)>(dlsym(handle_, "_Z16get_fd_file_sizeiRl"));
    resolve(handle_, "_Z21ds_page_aligned_alloclb", page_aligned_alloc);
}

LoadedLibrary::~LoadedLibrary() { dlclose(handle_); }
