//! Reads page sizes, processors and the user's settings. What cannot be read counts as absent: then the
//! buffer is the original's.

use super::heap;
use super::malloc;
use super::plan::{self, Environment, Settings};
use super::processors::{self, Mask};
use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs, ptr};

/// The user's settings. Read once: changing the environment while other threads read it is unsafe
/// in C, so the less often it is read the better.
fn settings() -> Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    *SETTINGS.get_or_init(|| {
        let variable = |name| env::var(name).ok();
        Settings::parse(
            variable("DSAIO_HUGE_PAGES").as_deref(),
            variable("DSAIO_POPULATE_THREADS").as_deref(),
        )
    })
}

/// The environment of a buffer that the calling thread asks for, and the processors that may
/// populate it. Only what matters for such a buffer is asked.
pub(super) fn for_buffer(size: usize, lock: bool) -> (Environment, Vec<usize>) {
    let huge_pages = match size >= plan::SMALLEST_HUGE_PAGE {
        true => huge_pages(size),
        false => None,
    };
    let may_be_huge = lock && huge_pages.is_some();
    let processors = match lock && size >= plan::SMALLEST_FOR_THREADS {
        true => processors::populating(&affinity(), node_of_caller().as_deref()),
        false => Vec::new(),
    };
    let environment = Environment {
        page_size: page_size(),
        huge_pages,
        processors: processors.len(),
        settings: settings(),
        glibc: may_be_huge && malloc::is_glibc(),
        collapses: may_be_huge && heap::is_supported(),
        free_address_space: may_be_huge && malloc::leaves_untouched() && free_address_space(),
    };
    (environment, processors)
}

/// The size of a page.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf takes any name.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// The size of a transparent huge page; `None` for a buffer that is smaller than one, and where the kernel
/// gives none.
fn huge_pages(buffer: usize) -> Option<usize> {
    static VALUES: OnceLock<(usize, bool)> = OnceLock::new();
    let directory = Path::new("/sys/kernel/mm/transparent_hugepage");
    let read = |name| fs::read_to_string(directory.join(name)).ok();
    let &(size, allowed) = once(&VALUES, || {
        let size = read("hpage_pmd_size")?.trim().parse().ok()?;
        Some((size, plan::allows_huge_pages(&read("enabled")?)))
    })?;
    (allowed && size <= buffer).then_some(size)
}

/// What is read, once that has worked. To read a file takes 10 us while caches are cold, as they are after
/// a buffer was cleared, and a whole buffer of 2 MiB takes 60. Nothing of it is on the heap, which would
/// leak where the library is unloaded.
fn once<T>(value: &'static OnceLock<T>, read: impl FnOnce() -> Option<T>) -> Option<&'static T> {
    if value.get().is_none() {
        let _ = value.set(read()?); // another thread may have been faster
    }
    value.get()
}

/// Whether address space that is not touched costs nothing.
fn free_address_space() -> bool {
    static OVERCOMMIT: OnceLock<u8> = OnceLock::new();
    let overcommit = once(&OVERCOMMIT, || {
        fs::read_to_string("/proc/sys/vm/overcommit_memory").ok()?.trim().parse().ok()
    });
    let limits = [libc::RLIMIT_AS, libc::RLIMIT_DATA].map(|resource| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a struct to write to. On failure the limit stays 0: as if there were one.
        unsafe { libc::getrlimit(resource, &mut limit) };
        Some(limit.rlim_cur).filter(|&limit| limit != libc::RLIM_INFINITY)
    });
    plan::address_space_is_free(overcommit.copied(), limits)
}

/// The processors that the calling thread may run on.
fn affinity() -> Vec<usize> {
    let mut mask: Mask = processors::mask(&[]);
    // SAFETY: the mask is as long as stated. glibc takes masks of any length; the type in its
    // signature is the fixed one for 1024 processors.
    let status = unsafe {
        libc::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast::<libc::cpu_set_t>())
    };
    if status != 0 {
        return Vec::new();
    }
    processors::in_mask(&mask)
}

/// The processors of the node that the calling thread runs on, where there is more than one node.
fn node_of_caller() -> Option<Vec<usize>> {
    let nodes = Path::new("/sys/devices/system/node");
    if processors::in_list(&fs::read_to_string(nodes.join("online")).ok()?).len() < 2 {
        return None;
    }
    let (mut cpu, mut node) = (0_u32, 0_u32);
    // SAFETY: two integers to write to; the third argument has not been used since Linux 2.6.24.
    let status = unsafe {
        libc::syscall(
            libc::SYS_getcpu,
            &raw mut cpu,
            &raw mut node,
            ptr::null_mut::<libc::c_void>(),
        )
    };
    if status != 0 {
        return Some(Vec::new());
    }
    let list = fs::read_to_string(nodes.join(format!("node{node}/cpulist"))).unwrap_or_default();
    Some(processors::in_list(&list))
}

/// Lets the calling thread run on these processors only. On failure it runs where it was allowed to
/// before.
pub(super) fn stay_on(processors: &[usize]) {
    let mask = processors::mask(processors);
    // SAFETY: the mask is as long as stated.
    unsafe {
        libc::sched_setaffinity(0, size_of_val(&mask), mask.as_ptr().cast::<libc::cpu_set_t>())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri's affinity masks have another size")]
    fn a_thread_stays_on_the_processors_it_is_given() {
        let all = affinity();
        assert!(!all.is_empty());
        for &cpu in &all {
            let stayed = std::thread::spawn(move || {
                stay_on(&[cpu]);
                affinity()
            });
            assert_eq!(stayed.join().unwrap(), [cpu]);
        }
        // An empty mask is an error, and the thread stays where it may be.
        let stayed = std::thread::spawn(|| {
            stay_on(&[]);
            affinity()
        });
        assert_eq!(stayed.join().unwrap(), all);
    }
}
