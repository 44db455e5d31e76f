//! The numbers of a `deepspeed_aio_perf_t`.
#![forbid(unsafe_code)]

use super::objects::{deepspeed_aio_latency_t, deepspeed_aio_perf_t};
use dsaio::engine::Timings;
use std::time::Duration;

/// What the original computes from the times of a transfer.
pub fn of_transfer(timings: &Timings, elapsed: Duration, num_bytes: i64) -> deepspeed_aio_perf_t {
    deepspeed_aio_perf_t {
        _submit: of_calls(&timings.submit),
        _complete: of_calls(&timings.complete),
        _e2e_usec: elapsed.as_secs_f64() * 1e6,
        _e2e_rate_GB: num_bytes as f64 / elapsed.as_secs_f64() / 1e9,
    }
}

/// The shortest, the longest and the average; zeros where there was no call.
fn of_calls(times: &[Duration]) -> deepspeed_aio_latency_t {
    if times.is_empty() {
        return deepspeed_aio_latency_t::default();
    }
    let usec = || times.iter().map(|time| time.as_secs_f64() * 1e6);
    // The original adds in an `int`, so that each sum loses what is behind its decimal point, and
    // divides integers. `as` stops at the largest int, where the original's sum is undefined.
    let sum = usec().fold(0i32, |sum, usec| (f64::from(sum) + usec) as i32);
    deepspeed_aio_latency_t {
        _min_usec: usec().fold(f64::INFINITY, f64::min),
        _max_usec: usec().fold(0.0, f64::max),
        _avg_usec: (sum as u64 / times.len() as u64) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanoseconds(times: &[u64]) -> Vec<Duration> {
        times.iter().copied().map(Duration::from_nanos).collect()
    }

    #[test]
    fn the_average_is_that_of_integers() {
        let latency = of_calls(&nanoseconds(&[1900, 2900, 500]));
        // 1.9 -> 1, 1 + 2.9 -> 3, 3 + 0.5 -> 3; 3 / 3.
        assert_eq!(latency._avg_usec, 1.0);
        assert!((latency._min_usec - 0.5).abs() < 1e-9);
        assert!((latency._max_usec - 2.9).abs() < 1e-9);
        // 10 / 3.
        assert_eq!(of_calls(&nanoseconds(&[4000, 3000, 3000]))._avg_usec, 3.0);
    }

    #[test]
    fn without_calls_there_are_zeros() {
        assert_eq!(of_calls(&[]), deepspeed_aio_latency_t::default());
    }

    #[test]
    fn a_sum_too_large_for_an_int_stops_there() {
        let hour = Duration::from_secs(3600);
        assert_eq!(of_calls(&[hour, hour])._avg_usec, f64::from(i32::MAX / 2));
    }

    #[test]
    fn the_rate_is_in_billions_of_bytes_per_second() {
        let timings = Timings { submit: nanoseconds(&[1000]), complete: nanoseconds(&[2000]) };
        let perf = of_transfer(&timings, Duration::from_millis(500), 1_000_000_000);
        assert_eq!((perf._e2e_usec, perf._e2e_rate_GB), (500_000.0, 2.0));
        assert_eq!((perf._submit._avg_usec, perf._complete._avg_usec), (1.0, 2.0));
    }
}
