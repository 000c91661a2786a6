//! Bytes of streams, and JSON of unknown form.

mod json;
mod lines;
mod sse;

pub use self::sse::{Frame, Frames, PING};
pub(crate) use self::{
    json::{Fields, arguments, array, count, object, set, string, text_at},
    lines::Lines,
};

/// The most one event of a stream may have, in bytes: more is not held.
pub const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;
