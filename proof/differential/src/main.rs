//! Feeds the original and this library the same random cases and compares everything that can be
//! seen: every byte of every iocb and object, every return value, `errno`, and how a process ends.

mod case;
mod child;
mod compare;
mod contract;
mod generate;
mod library;
mod objects;
mod options;
mod regressions;
mod search;

use compare::{Pair, Tally};
use library::Library;
use options::{Effort, Options};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Cases in one process. After a crash they are repeated, each in a process of its own.
const CHUNK: u32 = 10_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = options::parse(&arguments).ok_or(options::USAGE.to_owned());
    match options.and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("differential: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    child::no_core_files();
    let open = |path| {
        Library::open(path).map_err(|error| format!("{} cannot be used: {error}", path.display()))
    };
    let (original, ours) = (open(&options.original)?, open(&options.ours)?);
    let pair = Pair { original: &original, ours: &ours };
    let mut tally = Tally::default();
    for case in regressions::all() {
        pair.compare(&case, &mut tally)
            .map_err(|what| format!("a regression is back: {what}\n{case:#?}"))?;
    }
    let began = Instant::now();
    for chunk in 0.. {
        let cases = match options.effort {
            Effort::Cases(all) => {
                u64::from(CHUNK).min(all.saturating_sub(u64::from(CHUNK) * chunk)) as u32
            }
            Effort::Seconds(seconds) if began.elapsed() < Duration::from_secs(seconds) => CHUNK,
            Effort::Seconds(_) => 0,
        };
        if cases == 0 {
            break;
        }
        search::chunk(&pair, options.seed, chunk, cases, &mut tally)
            .map_err(|what| format!("seed {}: {what}", options.seed))?;
    }
    let Tally { cases, calls, iocbs, d1, aborts } = tally;
    println!(
        "{cases} cases, {calls} calls, {iocbs} iocbs, {d1} calls under D1, {aborts} aborts, \
         0 differences (seed {}, {:.0} s)",
        options.seed,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
