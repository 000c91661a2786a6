//! Questions about usage.

mod ask;
mod days;
mod meter;
mod metrics;
mod overview;
mod range;
mod usage;

pub use self::{ask::*, meter::*, metrics::*, overview::*, range::*, usage::*};
