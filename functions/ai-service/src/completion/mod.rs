//! Completions: one request to a model, from the gates to the log.

mod ask;
mod asked;
mod budget;
mod cache;
mod choose;
mod extension;
mod fare;
mod finish;
mod handlers;
mod lease;
mod limits;
mod list;
mod load;
mod open;
mod plan;
mod purge;
mod quota;
mod record;
mod shape;
mod shared;
mod stream;
mod sweep;

pub mod operations {
    //! Where the table of contents finds them.
    pub use super::{handlers::*, list::*, purge::*};
}

pub use ask::complete;
pub use asked::{Answered, Asked, Refused, Told};
pub use budget::{Holds, spend};
pub use extension::Extension;
pub use fare::judge;
pub use limits::{Rate, Rates};
pub use load::{CurrentUse, current};
pub(crate) use plan::target as target_of;
pub use record::*;
pub use shape::schema_validator;
pub use shared::Completions;
pub use stream::Body;
pub use sweep::{Swept, sweep};
