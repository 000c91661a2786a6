//! Organizations: founding them, reading them, changing them.

mod create;
mod delete;
mod list;
mod operate;
mod read;
mod security;
mod settings;
mod sign_out;
mod standing;

pub use create::{Founding, found};
pub(crate) use settings::read as read_settings;
pub use standing::Standing;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{
        create::*, delete::*, list::*, operate::*, read::*, security::*, settings::*, sign_out::*,
    };
}

use millwright_http::Representation;

use crate::domain::Organization;

impl Representation for Organization {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/organizations/{}", self.id)
    }

    /// Who has founded it is not in it yet: that takes a token for it.
    fn can_be_read(&self) -> bool {
        false
    }
}
