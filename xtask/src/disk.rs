//! Room on the disk: a full one shows itself as all kinds of other failures.

use rustix::fs::statvfs;

use crate::{output, paths};

const GIGABYTE: u64 = 1_000_000_000;
/// With less, failures are the disk's until proven otherwise.
const FULL: u64 = GIGABYTE;

/// Bytes that are free where the workspace is; none where that cannot be told.
fn free() -> Option<u64> {
    let room = statvfs(paths::workspace()).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
}

/// Says how much is free, and when that may not be enough for a command that takes so many
/// gigabytes from nothing.
pub fn tell(needed: u64) {
    let Some(free) = free().map(|free| free / GIGABYTE) else { return };
    let text = format!("{free} GB of the disk are free");
    match free < needed {
        true => output::warning(format_args!("{text}; from nothing this takes about {needed} GB")),
        false => output::progress(text),
    }
}

/// Says of a disk that is as good as full what helps; nothing of any other.
pub fn remark_if_full() {
    if let Some(free) = free().filter(|free| *free < FULL) {
        output::warning(format_args!(
            "the disk is full ({} MB are free), which may be all that is wrong: make room, for \
             example by `cargo clean`, and do it again",
            free / 1_000_000
        ));
    }
}
