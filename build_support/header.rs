//! The generated header: `OUT_DIR` always, `include/` on request.

use std::path::Path;
use std::{env, fs};

const NAME: &str = "deepspeed_aio_utils.h";

/// What the header is made from. cbindgen gets the files and not the crate, for which it would run a
/// `cargo metadata` that wants every dependency of the workspace, those of tests included.
const SOURCES: [&str; 2] = ["src/cxx/objects.rs", "src/flat.rs"];

/// Writes the header to `out_dir`, and with `DSAIO_UPDATE_HEADER=1` to `include/` as well.
pub fn generate(out_dir: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build_support");
    println!("cargo::rerun-if-env-changed=DSAIO_UPDATE_HEADER");

    let config = cbindgen::Config::from_file("build_support/cbindgen.toml")
        .map_err(|error| format!("build_support/cbindgen.toml cannot be used: {error}"))?;
    let bindings = SOURCES
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), |builder, file| builder.with_src(file))
        .generate()
        .map_err(|error| format!("cbindgen cannot generate the header: {error}"))?;
    bindings.write_to_file(out_dir.join(NAME));

    if env::var_os("DSAIO_UPDATE_HEADER").is_some_and(|value| value == "1") {
        let committed = Path::new("include").join(NAME);
        fs::copy(out_dir.join(NAME), &committed)
            .map_err(|error| format!("{} cannot be written: {error}", committed.display()))?;
    }
    Ok(())
}
