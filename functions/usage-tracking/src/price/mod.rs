//! What usage costs.

mod change;
mod read;

pub use self::{change::*, read::*};
