//! The generated header: `OUT_DIR` always, `include/` on request.

use crate::Library;
use std::path::Path;
use std::{env, fs};

/// Writes the header to `out_dir`, and with `DSAIO_UPDATE_HEADER=1` to `include/` as well.
///
/// cbindgen gets the files and not the crate, for which it would run a `cargo metadata` that wants every
/// dependency of the workspace, those of tests included.
pub fn generate(library: &Library, out_dir: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build_support");
    println!("cargo::rerun-if-env-changed=DSAIO_UPDATE_HEADER");

    let settings = library.file("cbindgen.toml");
    let config = cbindgen::Config::from_file(&settings)
        .map_err(|error| format!("{} cannot be used: {error}", settings.display()))?;
    let bindings = library
        .sources
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), |builder, file| builder.with_src(file))
        .generate()
        .map_err(|error| format!("cbindgen cannot generate the header: {error}"))?;
    bindings.write_to_file(out_dir.join(library.header));

    if env::var_os("DSAIO_UPDATE_HEADER").is_some_and(|value| value == "1") {
        let committed = Path::new("include").join(library.header);
        fs::copy(out_dir.join(library.header), &committed)
            .map_err(|error| format!("{} cannot be written: {error}", committed.display()))?;
    }
    Ok(())
}
