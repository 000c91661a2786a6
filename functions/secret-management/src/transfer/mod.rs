//! Secrets from and to files.

mod export;
mod import;
mod plan;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{export::*, import::*};
}
