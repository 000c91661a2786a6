//! Rotation of values, one at a time.

mod begin;
mod close;
mod finish;
mod read;
mod start;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{finish::*, read::*, start::*};
}

use millwright_http::Representation;

pub use self::{
    begin::{Beginning, begin},
    close::{Closing, close},
};

use crate::domain::Rotation;

impl Representation for Rotation {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/{}/rotations/{}", self.secret_id, self.id)
    }
}
