"""The functions that the library and DeepSpeed's ops share, as the linker and as people name them."""

from __future__ import annotations

SONAME = "libdeepspeed_aio_utils.so"

# Mangled by the Itanium C++ ABI, for libstdc++ and, where it differs, for libc++ (St3__1). C1 and C2
# are two names of one constructor.
READABLE = {
    "_ZN12io_xfer_ctxtC1EilllPKv": "io_xfer_ctxt::io_xfer_ctxt",
    "_ZN12io_xfer_ctxtC2EilllPKv": "io_xfer_ctxt::io_xfer_ctxt",
    "_ZN15io_prep_contextC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm"
    "PKSt6vectorIP4iocbSaIS9_EE": "io_prep_context::io_prep_context",
    "_ZN15io_prep_contextC2EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm"
    "PKSt6vectorIP4iocbSaIS9_EE": "io_prep_context::io_prep_context",
    "_ZN15io_prep_contextC1EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm"
    "PKNS0_6vectorIP4iocbNS0_9allocatorISA_EEEE": "io_prep_context::io_prep_context",
    "_ZN15io_prep_contextC2EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm"
    "PKNS0_6vectorIP4iocbNS0_9allocatorISA_EEEE": "io_prep_context::io_prep_context",
    "_ZN15io_prep_context10prep_iocbsEimPKvl": "io_prep_context::prep_iocbs",
    "_ZN17io_prep_generatorC1EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm":
        "io_prep_generator::io_prep_generator",
    "_ZN17io_prep_generatorC2EbRKSt10unique_ptrI12io_xfer_ctxtSt14default_deleteIS1_EEm":
        "io_prep_generator::io_prep_generator",
    "_ZN17io_prep_generatorC1EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm":
        "io_prep_generator::io_prep_generator",
    "_ZN17io_prep_generatorC2EbRKNSt3__110unique_ptrI12io_xfer_ctxtNS0_14default_deleteIS2_EEEEm":
        "io_prep_generator::io_prep_generator",
    "_ZN17io_prep_generator10prep_iocbsEiPSt6vectorIP4iocbSaIS2_EE":
        "io_prep_generator::prep_iocbs",
    "_ZN17io_prep_generator10prep_iocbsEiPNSt3__16vectorIP4iocbNS0_9allocatorIS3_EEEE":
        "io_prep_generator::prep_iocbs",
    "_Z13get_file_sizePKcRl": "get_file_size",
    "_Z16get_fd_file_sizeiRl": "get_fd_file_size",
    "_Z21ds_page_aligned_alloclb": "ds_page_aligned_alloc",
}

ALLOCATOR = "ds_page_aligned_alloc"

# What each release from 0.16.0 to 0.19.8 calls from another source file than the one that defines it,
# so that an op that can be switched has a relocation for it. Nothing there calls get_fd_file_size.
CALLED = frozenset(READABLE.values()) - {"get_fd_file_size"}

# Of these, what an op cannot do without. The allocator left async_io for pin_memory in 0.19.5.
NEEDED = {
    "async_io": CALLED - {ALLOCATOR},
    "pin_memory": frozenset({ALLOCATOR}),
}
