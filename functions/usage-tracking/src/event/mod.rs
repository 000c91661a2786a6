//! Usage events: taking them, reading them, taking them back.

mod correct;
mod list;
mod take;
mod void;

pub use self::{
    correct::__path_correction_create, correct::correction_create, list::*, take::*, void::*,
};
