//! Page cursors: where a list goes on, sealed so that nobody can make or move one.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use aws_lc_rs::{digest, hkdf, hmac};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use millwright_core::{Fault, FaultCode, Faults, Result, Tenant};

use crate::{
    Key,
    schema::{PARTITION_KEY, SORT_KEY},
};

/// The key of the last item read: where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub(crate) BTreeMap<String, String>);

impl Position {
    /// Behind a key of the table, whether there is such an item or not.
    pub fn behind(key: &Key) -> Position {
        let text = |text: &str| text.to_owned();
        let keys =
            [(text(PARTITION_KEY), text(key.partition())), (text(SORT_KEY), text(key.sort_key()))];
        Position(keys.into())
    }

    /// The sort key of the table it stands at.
    pub fn sort_key(&self) -> &str {
        self.0.get(SORT_KEY).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn to_attributes(&self) -> HashMap<String, AttributeValue> {
        self.0.iter().map(|(name, text)| (name.clone(), AttributeValue::S(text.clone()))).collect()
    }

    pub(crate) fn from_attributes(attributes: &HashMap<String, AttributeValue>) -> Position {
        let keys = attributes
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
            .collect();
        Position(keys)
    }
}

/// What a cursor is good for, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorScope {
    pub tenant: Tenant,
    pub operation: &'static str,
    /// The filters of the list in a canonical text.
    pub filter: String,
}

/// Seals and opens cursors: HMAC-SHA-256 over scope and position, with a key of the service by
/// HKDF (RFC 5869) from the installation's internal secret.
#[derive(Clone)]
pub struct CursorSealer(hmac::Key);

const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;

impl CursorSealer {
    pub fn new(secret: &[u8], service: &str) -> CursorSealer {
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"millwright")
            .extract(secret)
            .expand(&[b"cursor", service.as_bytes()], hmac::HMAC_SHA256)
            .map(hmac::Key::from);
        // Expanding to the length of a hash cannot fail; a digest keeps this free of panics.
        let fallback = || {
            let bytes = digest::digest(&digest::SHA256, secret);
            hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref())
        };
        CursorSealer(key.unwrap_or_else(|_| fallback()))
    }

    pub fn seal(&self, scope: &CursorScope, position: &Position) -> String {
        let payload = serde_json::to_vec(&position.0).unwrap_or_default();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.tag(scope, &payload).as_ref()[..TAG_BYTES]);
        bytes.extend_from_slice(&payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// # Errors
    /// `invalid_request` for a cursor that is not ours, or of another organization, list or filter.
    pub fn open(&self, scope: &CursorScope, cursor: &str) -> Result<Position> {
        self.try_open(scope, cursor).ok_or_else(|| {
            let detail = "is not a cursor of this list with these filters: start without one";
            Faults::of(Fault::new("query:cursor", FaultCode::BadFormat, detail)).into()
        })
    }

    fn try_open(&self, scope: &CursorScope, cursor: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (version, rest) = bytes.split_first()?;
        if *version != VERSION || rest.len() < TAG_BYTES {
            return None;
        }
        let (tag, payload) = rest.split_at(TAG_BYTES);
        let expected = self.tag(scope, payload);
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG_BYTES], tag)
            .ok()?;
        serde_json::from_slice(payload).ok().map(Position)
    }

    fn tag(&self, scope: &CursorScope, payload: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [
            scope.tenant.to_string().as_bytes(),
            scope.operation.as_bytes(),
            scope.filter.as_bytes(),
            payload,
        ] {
            // The length in front keeps parts from flowing into each other.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

impl fmt::Debug for CursorSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorSealer")
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "made-up tenants seal nothing but tests")]
mod tests {
    use millwright_core::{OrgId, Voucher};
    use proptest::prelude::*;

    use super::*;

    fn scope(organization: u128, filter: &str) -> CursorScope {
        CursorScope {
            tenant: Tenant::vouched(
                OrgId::from_uuid(uuid::Uuid::from_u128(organization)),
                Voucher::Test,
            ),
            operation: "task_list",
            filter: filter.to_owned(),
        }
    }

    fn position(key: &str) -> Position {
        Position(BTreeMap::from([("pk".into(), key.into()), ("sk".into(), "HEAD".into())]))
    }

    proptest! {
        #[test]
        fn a_cursor_opens_where_it_was_made(key in ".*", filter in ".*") {
            let sealer = CursorSealer::new(b"secret", "planning");
            let scope = scope(1, &filter);
            let sealed = sealer.seal(&scope, &position(&key));
            prop_assert_eq!(sealer.open(&scope, &sealed).expect("ours"), position(&key));
        }

        #[test]
        fn no_forged_cursor_opens(forged in "\\PC{0,200}") {
            let sealer = CursorSealer::new(b"secret", "planning");
            prop_assert!(sealer.open(&scope(1, ""), &forged).is_err());
        }

        #[test]
        fn a_changed_byte_closes_it(at in 0usize..60, bit in 0u8..8) {
            let sealer = CursorSealer::new(b"secret", "planning");
            let sealed = sealer.seal(&scope(1, "a"), &position("ORG#1#TASK#2"));
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed).expect("base64url");
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(sealer.open(&scope(1, "a"), &URL_SAFE_NO_PAD.encode(bytes)).is_err());
        }
    }

    #[test]
    fn a_cursor_is_bound_to_organization_filter_service_and_secret() {
        let sealer = CursorSealer::new(b"secret", "planning");
        let sealed = sealer.seal(&scope(1, "state=done"), &position("x"));
        assert!(sealer.open(&scope(2, "state=done"), &sealed).is_err());
        assert!(sealer.open(&scope(1, "state=to_do"), &sealed).is_err());
        let list = CursorScope { operation: "project_list", ..scope(1, "state=done") };
        assert!(sealer.open(&list, &sealed).is_err());
        for other in [CursorSealer::new(b"other", "planning"), CursorSealer::new(b"secret", "auth")]
        {
            assert!(other.open(&scope(1, "state=done"), &sealed).is_err());
        }
    }
}
