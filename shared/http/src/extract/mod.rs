//! What handlers take as arguments. Order in a signature: access, path, query, preconditions, body.

mod access;
mod body;
mod json;
mod listing;
mod path;
mod precondition;
mod query;

pub use access::{
    ACT_FOR_HEADER, Allowed, AllowedOrService, Authenticated, CALLER_HEADER, Caller,
    CallingService, Entitled, FromService, Gate, Known, Operator, Public, RECENT, Recent, Session,
    SignedIn,
};
pub use body::{Body, Empty, FromCsv, Submission, Tabular};
pub use listing::{Listing, NoFilters};
pub use path::PathParameter;
pub use precondition::IfMatch;
pub use query::{Flag, Parameters, Several};
