//! What usage costs.

mod change;
mod global;
mod read;

pub use self::{change::*, global::*, read::*};
