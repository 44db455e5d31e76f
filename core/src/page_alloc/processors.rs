//! Sets of processors, as the kernel writes them: bit masks and lists.
#![forbid(unsafe_code)]

/// Processors that a mask has room for: the largest that Linux can be configured to.
pub(super) const MOST_CPUS: usize = 8192;

/// A bit for each processor, as `sched_getaffinity` and `sched_setaffinity` take them.
pub(super) type Mask = [u64; MOST_CPUS / 64];

/// The mask of these processors; those that it has no room for are left out.
pub(super) fn mask(processors: &[usize]) -> Mask {
    let mut mask = [0; MOST_CPUS / 64];
    for &cpu in processors {
        if let Some(word) = mask.get_mut(cpu / 64) {
            *word |= 1_u64.wrapping_shl(cpu as u32);
        }
    }
    mask
}

/// The processors that a mask names.
pub(super) fn in_mask(mask: &Mask) -> Vec<usize> {
    (0..MOST_CPUS).filter(|&cpu| mask[cpu / 64].wrapping_shr(cpu as u32) & 1 == 1).collect()
}

/// The processors that a list of the kernel's ("0-3,8,10-11") names; an unreadable part names none.
pub(super) fn in_list(list: &str) -> Vec<usize> {
    list.trim().split(',').filter_map(parse_range).flatten().collect()
}

fn parse_range(part: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// The processors that populate memory for a caller: those it may run on, and on a NUMA machine only
/// those of its node, because memory is placed where it is first touched.
pub(super) fn populating(affinity: &[usize], node: Option<&[usize]>) -> Vec<usize> {
    match node {
        None => affinity.to_vec(),
        Some(node) => affinity.iter().copied().filter(|cpu| node.contains(cpu)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_one_bit_for_each_processor() {
        let mask = mask(&[0, 1, 63, 64, 70, 8191]);
        assert_eq!(mask[0], (1 << 63) | 0b11);
        assert_eq!(mask[1], (1 << 6) | 1);
        assert_eq!(mask[127], 1 << 63);
        assert_eq!(mask.iter().map(|word| word.count_ones()).sum::<u32>(), 6);
    }

    #[test]
    fn a_mask_is_read_as_it_was_written() {
        for processors in [vec![], vec![0], vec![1, 5, 63, 64, 127, 128, 1023, 1024, 8191]] {
            assert_eq!(in_mask(&mask(&processors)), processors);
        }
        // Twice is once.
        assert_eq!(in_mask(&mask(&[7, 7])), [7]);
    }

    #[test]
    fn processors_beyond_the_mask_are_left_out() {
        assert_eq!(in_mask(&mask(&[3, MOST_CPUS, usize::MAX])), [3]);
    }

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(in_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(in_list("0\n"), [0]);
        assert_eq!(in_list("\n"), [0_usize; 0]); // a node without processors
        assert_eq!(in_list("x,2-,3"), [3]);
    }

    #[test]
    fn on_one_node_every_allowed_processor_populates() {
        assert_eq!(populating(&[1, 2, 5], None), [1, 2, 5]);
    }

    #[test]
    fn on_two_nodes_only_the_callers_node_populates() {
        let node1 = [4, 5, 6, 7, 12, 13, 14, 15];
        assert_eq!(populating(&(0..16).collect::<Vec<_>>(), Some(&node1)), node1);
        assert_eq!(populating(&[0, 1, 5, 12], Some(&node1)), [5, 12]);
        assert_eq!(populating(&[0, 1], Some(&node1)), [0_usize; 0]);
    }
}
