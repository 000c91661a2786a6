//! Questions about usage.

mod ask;
mod meter;
mod overview;
mod range;
mod usage;

pub use self::{ask::*, meter::*, overview::*, range::*, usage::*};
