//! The command line.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Options {
    pub original: PathBuf,
    pub ours: PathBuf,
    pub effort: Effort,
    pub seed: u64,
}

pub enum Effort {
    Cases(u64),
    Seconds(u64),
}

pub const USAGE: &str = "usage: differential ORIGINAL.so OURS.so cases|seconds N [SEED]";

/// `None` where the arguments are not those of the usage. Without a seed it is another one each time.
pub fn parse(arguments: &[String]) -> Option<Options> {
    let [original, ours, kind, number, seed @ ..] = arguments else { return None };
    let number = number.parse().ok()?;
    let effort = match kind.as_str() {
        "cases" => Effort::Cases(number),
        "seconds" => Effort::Seconds(number),
        _ => return None,
    };
    let seed = match seed {
        [] => SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos() as u64,
        [seed] => seed.parse().ok()?,
        _ => return None,
    };
    // dlopen would look for a bare name elsewhere.
    let path = |name: &String| PathBuf::from(name).canonicalize().ok();
    Some(Options { original: path(original)?, ours: path(ours)?, effort, seed })
}
