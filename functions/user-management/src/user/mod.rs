//! Users: what is theirs, and what others see of them.

mod cards;
mod me;
mod provision;

pub use cards::refresh_cards;
pub use me::{__path_my_user_get, __path_my_user_update, my_user_get, my_user_update};
pub use provision::{__path_user_provision, user_provision};

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
