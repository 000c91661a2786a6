//! Digests.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 in 64 hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
