//! Ids that come out the same again.

use aws_lc_rs::digest::{Context, SHA256};
use millwright_core::OrgId;
use uuid::Builder;

use super::UsageEventId;

/// SHA-256 over texts, each with its length before it.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// The first `length` bytes of a digest in hexadecimal.
pub fn hex(digest: &[u8; 32], length: usize) -> String {
    use std::fmt::Write;

    digest.iter().take(length).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The id of an event: 122 bits of the digest of organization, source and id (a UUIDv8). No time is
/// part of it, unlike in other derived ids: a duplicate may come with another time, or with none.
pub fn usage_event_id(organization: OrgId, source: &str, id: &str) -> UsageEventId {
    let digest = digest(&[organization.uuid().as_bytes(), source.as_bytes(), id.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    UsageEventId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_the_same_event_has_the_same_id() {
        let (a, b) = (OrgId::from_uuid(Uuid::from_u128(1)), OrgId::from_uuid(Uuid::from_u128(2)));
        let id = usage_event_id(a, "/x", "1");
        assert_eq!(id, usage_event_id(a, "/x", "1"));
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in [
            usage_event_id(b, "/x", "1"),
            usage_event_id(a, "/x1", ""),
            usage_event_id(a, "/", "x1"),
            usage_event_id(a, "/x", "2"),
        ] {
            assert_ne!(id, other);
        }
    }
}
