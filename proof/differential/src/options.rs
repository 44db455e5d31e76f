//! The command line.

use std::ffi::OsString;
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

const USAGE: &str = "usage: differential ORIGINAL.so OURS.so [--cases N | --seconds N] [--seed N]";

/// # Errors
///
/// A sentence.
pub fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let mut libraries = Vec::new();
    let mut effort = Effort::Cases(100_000);
    // Another one each time; it is printed with the outcome.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut seed = now.as_nanos() as u64;
    while let Some(argument) = arguments.next() {
        let option = argument.to_string_lossy().into_owned();
        if !option.starts_with("--") {
            // dlopen would look for a bare name elsewhere.
            let path = PathBuf::from(argument);
            let path =
                path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
            libraries.push(path);
            continue;
        }
        let value = arguments.next().unwrap_or_default();
        let number = value.to_str().and_then(|text| text.parse().ok());
        let number = number.ok_or_else(|| {
            format!("{option} {} is not a number; {USAGE}", value.to_string_lossy())
        })?;
        match option.as_str() {
            "--cases" => effort = Effort::Cases(number),
            "--seconds" => effort = Effort::Seconds(number),
            "--seed" => seed = number,
            _ => return Err(format!("there is no option {option}; {USAGE}")),
        }
    }
    let [original, ours] =
        <[PathBuf; 2]>::try_from(libraries).map_err(|_| format!("name two libraries; {USAGE}"))?;
    Ok(Options { original, ours, effort, seed })
}
