//! What usage-tracking stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`, `<s>` a write shard. What a key cannot hold (long or many values) is
//! in it as a hash, and as it is in the item.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | raw event, deduplication | pk `O#EV#<first byte of the id>`, sk `<id>`; put if absent | - |
//! | events by time | pk `O#ET#<yyyymmdd>#<0-7>`, sk `<time>#<id>` | gsi1 |
//! | hour counters of a scope | pk `O#H#<category>#<scopeType>#<yyyymmdd>#<s>`, sk `<scopeId>#<hh>#<dimensions>`; attributes per quarter | - |
//! | minute counters | pk `O#M#<category>#<yyyymmdd>#<s>`, sk `<hhmm>#<dimensions>` | - |
//! | days that have values | pk `O#DAYS`, sk `<start>` | - |
//! | day values of a scope | pk `O#D#<category>#<scopeType>#<yyyy>`, sk `<scopeId>#<start>#<dimensions>` | - |
//! | days to compute (again) | pk `O#DIRTY`, sk `<start>#<category or *>#<s>` | - |
//! | categories that counted in a month | pk `O#ACT#<yyyymm>`, sk `<category>` | - |
//! | combinations of dimension values of a day | pk `O#DIM#<category>#<yyyymmdd>`, sk `<dimensions>`, `#COUNT` | - |
//! | meters that cannot be added up | pk `O#X#<meter>#<yyyymmdd>`, sk `<scopeType>#<scopeId>#<hh>#<dimensions>[#<part>]` | - |
//! | limit counter | pk `O#LC#<limit>#<scopeId>`, sk `<window start>` | - |
//! | definitions: categories, meters, limits, prices, settings | pk `O#DEF`, sk `<noun>#<id>` | - |
//! | global prices | pk `PLATFORM#DEF`, sk `price#<id>` | - |
//! | revisions of global prices | pk `PLATFORM#UNIQ`, sk `prices#<hash>` | - |
//! | a name, slug or event type, once | pk `O#UNIQ`, sk `<what>#<folded>` | - |
//! | reservation; by reference | pk `O#RSV#<id>`, sk `HEAD`; pk `O#RREF#<reference>`, sk `REF` | - |
//! | open reservations by expiry | pk `O#RSVOPEN`, sk `<expiresAt>#<id>` | gsi1 |
//! | reservations, newest first | pk `O#RSVS`, sk `<createdAt>#<id>` | gsi2 |
//! | jobs, newest first (all but roll-ups) | as `shared/job` has them: pk `O#JOB` | gsi2 |
//! | organizations in which something falls due in an hour | pk `DUE#<yyyymmddhh>#<0-7>`, sk `<organization>` | - |
//! | up to which hour that is ordered | pk `INSTALLATION#DUE`, sk `WATERMARK` | - |
//! | final statements | pk `O#STM`, sk `<yyyy-mm>` | - |
//! | what of a monthly price the budgets have | pk `O#MONTHLY#<yyyy-mm>`, sk `<price>` | - |
//! | rejections | pk `O#REJ`, sk `<receivedAt>#<message>` | - |
//! | alerts; each once | pk `O#ALERT#<id>`, sk `HEAD`; pk `O#AL`, sk `<what>` | - |
//! | the open anomaly of a category | pk `O#ANOM`, sk `<category>` | - |
//! | alerts that end with their window | pk `O#ALOPEN`, sk `<windowEnd>#<id>` | gsi1 |
//! | alerts, newest first | pk `O#ALERTS`, sk `<createdAt>#<id>` | gsi2 |
//!
//! Outbox, inbox, idempotency records and denial marks are those of the shared crates. No
//! transaction has more than 100 items.

mod alert;
mod anomaly;
mod calendar;
mod combination;
mod counter;
mod day;
mod definition;
mod event;
mod job;
mod limit;
mod meter;
mod rejection;
mod reservation;
mod statement;

use millwright_core::Timestamp;

pub use self::{
    alert::*, anomaly::*, calendar::*, combination::*, counter::*, day::*, definition::*, event::*,
    job::*, limit::*, meter::*, rejection::*, reservation::*, statement::*,
};
use crate::domain::{digest, hex};

/// `yyyymmdd` in UTC.
pub fn day_of(at: Timestamp) -> String {
    at.hour_bucket()[..8].to_owned()
}

/// A value as part of a key: itself, if that is short and harmless, else a hash.
pub fn key_part(value: &str) -> String {
    let is_harmless = value.len() <= 40
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'.');
    match is_harmless {
        true => value.to_owned(),
        false => format!("~{}", hex(&digest(&[value.as_bytes()]), 16)),
    }
}

/// Dimension values as part of a key; nothing if there are none.
pub fn dimensions_part(dimensions: &crate::domain::Labels) -> String {
    if dimensions.is_empty() {
        return String::new();
    }
    let parts: Vec<&[u8]> =
        dimensions.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    hex(&digest(&parts), 12)
}
