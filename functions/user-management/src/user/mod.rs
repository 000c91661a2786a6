//! Users: what is theirs, and what others see of them.

mod account;
mod cards;
mod leave;
mod me;
mod operate;
mod preferences;
mod provision;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{leave::*, me::*, operate::*, preferences::*, provision::*};
}

pub use account::{Account, Turn};
pub use cards::{refresh_cards, renew_cards};

use millwright_http::Representation;

use crate::domain::User;

impl Representation for User {
    fn version(&self) -> u64 {
        self.version
    }

    /// Everybody reads their own.
    fn location(&self) -> String {
        "/api/v1/users/me".to_owned()
    }

    /// By who made it: a service is nobody's self.
    fn can_be_read(&self) -> bool {
        false
    }
}
