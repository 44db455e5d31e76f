"""The symbols that the library and DeepSpeed's ops share, and the functions that they belong to."""

from __future__ import annotations

SONAME = "libdeepspeed_aio_utils.so"

# Mangled by the Itanium C++ ABI, for libstdc++ and, if it differs, for libc++ (St3__1). C1 and C2 are
# two symbols of one constructor.
_SYMBOLS = {
    "io_xfer_ctxt::io_xfer_ctxt": (
        "_ZN12io_xfer_ctxtC1EilllPKv",
        "_ZN12io_xfer_ctxtC2EilllPKv",
    ),
    "io_prep_context::io_prep_context": (
        "_ZN15io_prep_contextC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm"
        "PKSt6vectorIP4iocbSaIS9_EE",
        "_ZN15io_prep_contextC2EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm"
        "PKSt6vectorIP4iocbSaIS9_EE",
        "_ZN15io_prep_contextC1EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm"
        "PKNS0_6vectorIP4iocbNS0_9allocatorISA_EEEE",
        "_ZN15io_prep_contextC2EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm"
        "PKNS0_6vectorIP4iocbNS0_9allocatorISA_EEEE",
    ),
    "io_prep_context::prep_iocbs": ("_ZN15io_prep_context10prep_iocbsEimPKvl",),
    "io_prep_generator::io_prep_generator": (
        "_ZN17io_prep_generatorC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm",
        "_ZN17io_prep_generatorC2EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm",
        "_ZN17io_prep_generatorC1EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm",
        "_ZN17io_prep_generatorC2EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm",
    ),
    "io_prep_generator::prep_iocbs": (
        "_ZN17io_prep_generator10prep_iocbsEiPSt6vectorIP4iocbSaIS2_EE",
        "_ZN17io_prep_generator10prep_iocbsEiPNSt3__16vectorIP4iocbNS0_9allocatorIS3_EEEE",
    ),
    "get_file_size": ("_Z13get_file_sizePKcRl",),
    "get_fd_file_size": ("_Z16get_fd_file_sizeiRl",),
    "ds_page_aligned_alloc": ("_Z21ds_page_aligned_alloclb",),
}
READABLE = {symbol: function for function, symbols in _SYMBOLS.items() for symbol in symbols}

ALLOCATOR = "ds_page_aligned_alloc"

# What every supported release calls from another source file than the one that defines it, so that a
# switchable op has a relocation for it. No release calls get_fd_file_size like that.
CALLED = frozenset(_SYMBOLS) - {"get_fd_file_size"}

# What an op cannot do without. Up to era 3 (releases.txt) the allocator is in async_io, then in pin_memory.
NEEDED = {
    "async_io": CALLED - {ALLOCATOR},
    "pin_memory": frozenset({ALLOCATOR}),
}
