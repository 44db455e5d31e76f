//! How a buffer is allocated, decided from its size and its environment. No system calls: every kind
//! of machine can be tested here.
#![forbid(unsafe_code)]

/// By default, glibc's malloc gives every larger request a mapping of its own: this is the ceiling
/// of its adaptive mmap threshold (`DEFAULT_MMAP_THRESHOLD_MAX` on 64-bit). A smaller request can
/// come from the heap, where advice outlives `free`.
const MAPPED_ABOVE: usize = 32 << 20;

/// What to ask glibc's malloc for to get a mapping of its own, also where the heap has memory free at its
/// end: malloc leaves at most twice the ceiling there, and the heap of a thread has no more at all.
/// The last byte is the first one of a page.
const OWN_MAPPING: usize = 2 * MAPPED_ABOVE + 1;

/// Huge pages larger than this are for other purposes: 64 KiB-page arm64 has 512 MiB, and an
/// alignment to that would waste as much address space again as most buffers have.
pub(super) const LARGEST_ALIGNMENT: usize = 32 << 20;

/// No kernel has transparent huge pages smaller than these (s390x).
pub(super) const SMALLEST_HUGE_PAGE: usize = 1 << 20;

/// A thread is started for so many bytes: clearing them takes some 10 ms, starting it some 50 us.
const BYTES_PER_THREAD: usize = 128 << 20;

/// Smaller buffers are populated by the caller alone.
pub(super) const SMALLEST_FOR_THREADS: usize = 2 * BYTES_PER_THREAD;

/// Memory bandwidth is used up before all processors of a large machine are busy.
const MOST_THREADS: usize = 8;

/// What the user sets by environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether huge pages may be used.
    pub(super) huge_pages: bool,
    /// How many threads may populate a buffer, the caller's included.
    pub(super) threads: usize,
}

impl Settings {
    /// The settings in `DSAIO_HUGE_PAGES` and `DSAIO_POPULATE_THREADS`. Unknown values change
    /// nothing.
    pub(super) fn parse(huge_pages: Option<&str>, threads: Option<&str>) -> Self {
        Settings {
            huge_pages: huge_pages != Some("never"),
            threads: threads.and_then(|n| n.parse().ok()).unwrap_or(usize::MAX),
        }
    }
}

/// What the machine, the process and the user's settings are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Environment {
    /// Size of a page.
    pub(super) page_size: usize,
    /// Size of a transparent huge page; `None` where the kernel has none, or gives none to anybody.
    pub(super) huge_pages: Option<usize>,
    /// Processors that may populate memory where the caller's own touch would put it.
    pub(super) processors: usize,
    /// What the user sets.
    pub(super) settings: Settings,
    /// Whether the kernel makes huge pages without advice, also of memory that malloc keeps after `free`.
    pub(super) collapses: bool,
    /// Whether malloc is glibc's, which tells whether a buffer has a mapping of its own.
    pub(super) glibc: bool,
    /// Whether address space that is not touched costs nothing.
    pub(super) free_address_space: bool,
}

impl Environment {
    /// The size of a huge page, where the kernel and the user allow them and they are useful.
    fn huge_page(&self) -> Option<usize> {
        let size = self.huge_pages.filter(|_| self.settings.huge_pages)?;
        (size > self.page_size && size <= LARGEST_ALIGNMENT).then_some(size)
    }
}

/// What to do, in this order: allocate, advise, populate, lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Alignment of the buffer in bytes.
    pub(super) alignment: usize,
    /// Bytes to ask malloc for. More than the size where the last huge page ends beyond it, or where only
    /// that gets a mapping of its own.
    pub(super) asked: usize,
    /// Bytes from the buffer's start that should become huge pages, whole ones only. May be more than the
    /// size, and never more than what is asked for.
    pub(super) huge: usize,
    /// Whether the buffer is of no use without a mapping of its own. What is beyond its huge pages is never
    /// touched.
    pub(super) own_mapping: bool,
    /// Whether huge pages are made where the buffer has no mapping of its own.
    pub(super) collapse: bool,
    /// Threads, the caller's included, that populate the buffer before it is locked. With one,
    /// the lock populates it.
    pub(super) threads: usize,
}

impl Plan {
    /// What the original does.
    fn originals(size: usize, page_size: usize) -> Self {
        Plan {
            alignment: page_size,
            asked: size,
            huge: 0,
            own_mapping: false,
            collapse: false,
            threads: 1,
        }
    }

    /// The plan for when this one fails: the original's request. `None` if this one is no other.
    pub(super) fn fallback(self, size: usize, page_size: usize) -> Option<Self> {
        let original = Plan { threads: self.threads, ..Plan::originals(size, page_size) };
        (original != self).then_some(original)
    }
}

/// The plan for a buffer of `size` bytes.
pub(super) fn plan(size: usize, lock: bool, environment: &Environment) -> Plan {
    let huge_page = environment.huge_page().filter(|&huge| huge <= size);
    let most = environment.processors.min(environment.settings.threads).min(MOST_THREADS);
    let plan = Plan {
        alignment: huge_page.unwrap_or(environment.page_size),
        threads: if lock { (size / BYTES_PER_THREAD).min(most).max(1) } else { 1 },
        ..Plan::originals(size, environment.page_size)
    };
    // An unlocked buffer may be touched sparsely; huge pages would make it resident for nothing.
    let Some(huge_page) = huge_page.filter(|_| lock) else { return plan };
    if size >= OWN_MAPPING {
        return Plan { huge: size / huge_page * huge_page, ..plan };
    }
    // Half a huge page of small pages takes as long as a whole one.
    let huge = (size + huge_page / 2) / huge_page * huge_page;
    if environment.collapses {
        let asked = size.max(huge).next_multiple_of(environment.page_size);
        Plan { asked, huge, collapse: true, ..plan }
    } else if environment.glibc && environment.free_address_space {
        Plan { asked: OWN_MAPPING, huge, own_mapping: true, ..plan }
    } else if size > MAPPED_ABOVE {
        Plan { huge: size / huge_page * huge_page, ..plan }
    } else {
        plan
    }
}

/// Whether address space is free of charge: not where the kernel accounts for it
/// (`vm.overcommit_memory` of 2; also where that cannot be read), nor where it counts against one of
/// these limits (RLIMIT_AS, RLIMIT_DATA; `None` is unlimited).
pub(super) fn address_space_is_free(overcommit: Option<u8>, limits: [Option<u64>; 2]) -> bool {
    matches!(overcommit, Some(0 | 1)) && limits == [None, None]
}

/// Whether a page-aligned buffer of glibc's malloc has a mapping of its own, by its usable size: up to
/// the mapping's end, since glibc 2.43 up to a word before it. In a heap it is the size that was asked
/// for, a few words more, so neither whole pages nor [`OWN_MAPPING`] are mistaken.
pub(super) fn is_own_mapping(usable: usize, page_size: usize) -> bool {
    let beyond = usable % page_size;
    beyond == 0 || beyond == page_size - size_of::<usize>()
}

/// Whether the kernel gives huge pages to who asks for them: the mode in brackets, as in "always
/// [madvise] never".
pub(super) fn allows_huge_pages(modes: &str) -> bool {
    let chosen =
        modes.split_whitespace().find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']'));
    chosen.is_some_and(|mode| mode != "never")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    const GIB: usize = 1 << 30;

    fn machine(page_size: usize, huge_page_size: usize, processors: usize) -> Environment {
        Environment {
            page_size,
            huge_pages: Some(huge_page_size),
            processors,
            settings: Settings::parse(None, None),
            collapses: true,
            glibc: true,
            free_address_space: true,
        }
    }

    /// The original's plan, with an alignment.
    fn aligned(alignment: usize, size: usize) -> Plan {
        Plan { alignment, ..Plan::originals(size, alignment) }
    }

    fn x86(processors: usize) -> Environment {
        machine(4 * KIB, 2 * MIB, processors)
    }

    #[test]
    fn a_large_locked_buffer_gets_huge_pages_and_threads() {
        let expected = Plan { huge: GIB, threads: 4, ..aligned(2 * MIB, GIB) };
        assert_eq!(plan(GIB, true, &x86(4)), expected);
    }

    #[test]
    fn only_whole_huge_pages_are_advised() {
        assert_eq!(plan(GIB + 2 * MIB - 1, true, &x86(1)).huge, GIB);
        assert_eq!(plan(GIB + 2 * MIB, true, &x86(1)).huge, GIB + 2 * MIB);
    }

    #[test]
    fn an_unlocked_buffer_is_aligned_and_nothing_else() {
        let expected = aligned(2 * MIB, GIB);
        assert_eq!(plan(GIB, false, &x86(16)), expected);
    }

    #[test]
    fn a_buffer_smaller_than_a_huge_page_is_page_aligned() {
        for size in [0, 1, 4 * KIB, 2 * MIB - 1] {
            let expected = aligned(4 * KIB, size);
            assert_eq!(plan(size, true, &x86(16)), expected, "{size}");
        }
        assert_eq!(plan(2 * MIB, true, &x86(16)).alignment, 2 * MIB);
    }

    const ROUNDED: [(usize, usize); 6] = [
        (2 * MIB, 2 * MIB),
        (3 * MIB - 1, 2 * MIB),
        (3 * MIB, 4 * MIB),
        (32 * MIB, 32 * MIB),
        (63 * MIB, 64 * MIB),
        (64 * MIB, 64 * MIB),
    ];

    #[test]
    fn what_malloc_may_take_from_the_heap_is_collapsed_there() {
        for (size, huge) in ROUNDED {
            // Whole pages, which tell a heap from a mapping.
            let asked = size.max(huge).next_multiple_of(4 * KIB);
            let expected = Plan { asked, huge, collapse: true, ..aligned(2 * MIB, size) };
            assert_eq!(plan(size, true, &x86(16)), expected, "{size}");
            let other_malloc = Environment { glibc: false, free_address_space: false, ..x86(16) };
            assert_eq!(plan(size, true, &other_malloc), expected, "{size}");
        }
        let larger = Plan { huge: 66 * MIB, ..aligned(2 * MIB, 67 * MIB) };
        assert_eq!(plan(67 * MIB, true, &x86(16)), larger);
    }

    #[test]
    fn where_the_kernel_does_not_collapse_it_gets_a_mapping_of_its_own() {
        let old = Environment { collapses: false, ..x86(16) };
        for (size, huge) in ROUNDED {
            let mapped = Plan { asked: 64 * MIB + 1, own_mapping: true, ..aligned(2 * MIB, size) };
            assert_eq!(plan(size, true, &old), Plan { huge, ..mapped }, "{size}");
            // Not for an unlocked buffer.
            assert_eq!(plan(size, false, &old), aligned(2 * MIB, size), "{size}");
        }
    }

    #[test]
    fn what_fails_is_tried_as_the_original_does() {
        let original = aligned(4 * KIB, MIB);
        assert_eq!(plan(MIB, true, &x86(2)), original);
        assert_eq!(original.fallback(MIB, 4 * KIB), None);
        for size in [2 * MIB, 32 * MIB, GIB] {
            for lock in [true, false] {
                let threads = plan(size, lock, &x86(2)).threads;
                let expected = Plan { asked: size, threads, ..original };
                assert_eq!(plan(size, lock, &x86(2)).fallback(size, 4 * KIB), Some(expected));
            }
        }
    }

    #[test]
    fn a_small_buffer_is_left_in_the_heap_where_a_mapping_costs_or_is_not_known() {
        let old = Environment { collapses: false, ..x86(16) };
        let other_malloc = Environment { glibc: false, ..old.clone() };
        let accounted = Environment { free_address_space: false, ..old };
        for environment in [other_malloc, accounted] {
            for size in [8 * MIB, 32 * MIB] {
                assert_eq!(plan(size, true, &environment), aligned(2 * MIB, size));
            }
            // A larger one is never in glibc's heap by default.
            assert_eq!(plan(34 * MIB + 1, true, &environment).huge, 34 * MIB);
        }
    }

    #[test]
    fn address_space_is_free_without_accounting_and_limits() {
        assert!(address_space_is_free(Some(0), [None, None]));
        assert!(address_space_is_free(Some(1), [None, None]));
        assert!(!address_space_is_free(Some(2), [None, None]));
        assert!(!address_space_is_free(None, [None, None]));
        assert!(!address_space_is_free(Some(0), [Some(1 << 40), None]));
        assert!(!address_space_is_free(Some(0), [None, Some(1 << 40)]));
    }

    #[test]
    fn a_mapping_is_told_from_a_heap_by_the_usable_size() {
        for page_size in [4 * KIB, 16 * KIB, 64 * KIB] {
            let pages = plan(2 * MIB + page_size - 8, true, &machine(page_size, 2 * MIB, 1)).asked;
            for asked in [OWN_MAPPING, pages] {
                let mapped = asked.next_multiple_of(page_size);
                for usable in [mapped, mapped + page_size, mapped - 8] {
                    assert!(is_own_mapping(usable, page_size), "{usable}");
                }
                // Chunks of a heap are multiples of 16 bytes, with a header of 8 bytes.
                let chunk = (asked + 8).next_multiple_of(16);
                for usable in [chunk - 8, chunk + 16 - 8, chunk + 32 - 8] {
                    assert!(!is_own_mapping(usable, page_size), "{usable}");
                }
            }
        }
    }

    #[test]
    fn threads_are_for_large_buffers_and_never_more_than_processors() {
        assert_eq!(plan(255 * MIB, true, &x86(16)).threads, 1);
        assert_eq!(plan(256 * MIB, true, &x86(16)).threads, 2);
        // The environment is asked for what such sizes need, and not for less.
        assert_eq!((SMALLEST_FOR_THREADS, SMALLEST_HUGE_PAGE), (256 * MIB, MIB));
        assert_eq!(plan(64 * GIB, true, &x86(3)).threads, 3);
        assert_eq!(plan(64 * GIB, true, &x86(192)).threads, 8);
        // Where the caller's processors are unknown, it works alone.
        assert_eq!(plan(64 * GIB, true, &x86(0)).threads, 1);
    }

    #[test]
    fn without_huge_pages_the_alignment_is_the_originals() {
        let expected = Plan { threads: 2, ..aligned(4 * KIB, GIB) };
        let none = Environment { huge_pages: None, ..x86(2) };
        assert_eq!(plan(GIB, true, &none), expected);
    }

    #[test]
    fn settings_turn_off_huge_pages_and_threads() {
        let with =
            |huge, threads| Environment { settings: Settings::parse(huge, threads), ..x86(4) };
        let never = Plan { threads: 4, ..aligned(4 * KIB, GIB) };
        assert_eq!(plan(GIB, true, &with(Some("never"), None)), never);
        assert_eq!(plan(GIB, true, &with(None, Some("1"))).threads, 1);
        assert_eq!(plan(GIB, true, &with(None, Some("0"))).threads, 1);
        assert_eq!(plan(GIB, true, &with(None, Some("3"))).threads, 3);
        assert_eq!(plan(GIB, true, &with(None, Some("99"))).threads, 4);
        assert_eq!(
            plan(GIB, true, &with(Some("sometimes"), Some("many"))),
            plan(GIB, true, &x86(4))
        );
    }

    #[test]
    fn arm_with_16_kib_pages_has_huge_pages_of_32_mib() {
        let environment = machine(16 * KIB, 32 * MIB, 1);
        let expected = Plan { huge: 992 * MIB, ..aligned(32 * MIB, 1000 * MIB) };
        assert_eq!(plan(1000 * MIB, true, &environment), expected);
    }

    #[test]
    fn arm_with_64_kib_pages_has_huge_pages_too_large_to_align_to() {
        let environment = machine(64 * KIB, 512 * MIB, 4);
        let expected = Plan { threads: 4, ..aligned(64 * KIB, 4 * GIB) };
        assert_eq!(plan(4 * GIB, true, &environment), expected);
    }

    #[test]
    fn no_size_makes_the_arithmetic_overflow() {
        for size in [usize::MAX, i64::MAX as usize, i64::MIN as u64 as usize] {
            assert!(plan(size, true, &x86(2)).huge <= size);
        }
    }

    #[test]
    fn huge_pages_no_larger_than_a_page_are_not_used() {
        let expected = aligned(4 * KIB, GIB);
        for size in [4 * KIB, 2 * KIB] {
            assert_eq!(plan(GIB, true, &machine(4 * KIB, size, 1)), expected);
        }
    }

    #[test]
    fn the_mode_is_the_one_in_brackets() {
        for modes in ["always [madvise] never\n", "[always] madvise never\n"] {
            assert!(allows_huge_pages(modes), "{modes}");
        }
        for modes in ["always madvise [never]\n", "", "no mode"] {
            assert!(!allows_huge_pages(modes), "{modes}");
        }
    }
}
