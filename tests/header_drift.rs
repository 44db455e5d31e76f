//! The committed header is what the sources generate.

#[test]
fn the_committed_header_is_up_to_date() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/deepspeed_aio_utils.h"));
    let committed = include_str!("../include/deepspeed_aio_utils.h");
    let differs = generated.lines().zip(committed.lines()).position(|(g, c)| g != c);
    assert!(
        generated == committed,
        "include/deepspeed_aio_utils.h is out of date (first difference in line {}); regenerate it \
         with: make header",
        differs.unwrap_or_else(|| generated.lines().count().min(committed.lines().count())) + 1
    );
}
