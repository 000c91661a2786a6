//! What handlers take as arguments. Order in a signature: access, path, query, preconditions, body.

mod access;
mod asking;
mod body;
mod json;
mod listing;
mod path;
mod precondition;
mod query;

pub use access::{
    ACT_FOR_HEADER, Allowed, AllowedOrService, Authenticated, CALLER_HEADER, Caller,
    CallingService, Entitled, FromService, Gate, Known, Operator, OrOperator, Public, RECENT,
    Recent, Session, SignedIn,
};
pub use asking::Asking;
pub use body::{Body, Empty, Foreign, FromCsv, Submission, Tabular, Verbatim};
pub use json::written;
pub use listing::{Listing, NoFilters};
pub use path::PathParameter;
pub use precondition::IfMatch;
pub use query::{Flag, Parameters, Several};
