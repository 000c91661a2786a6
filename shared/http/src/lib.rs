//! The HTTP conventions of Millwright, once for all services.
//!
//! A handler's signature says everything there is to know of an operation, and the API document
//! is derived from it:
//!
//! - the first argument says who may call it ([`Allowed`], [`Authenticated`], [`Public`]); a handler without
//!   one is not accepted by [`Api`];
//! - [`PathParameter`], [`Listing`], [`Parameters`], [`Body`], [`Submission`], [`IfMatch`] read the
//!   request, refuse what is malformed with all faults at once, and touch nothing;
//! - [`Created`], [`Accepted`], [`Versioned`], [`Listed`], [`Plain`], [`NoContent`] are the answers and carry
//!   their status.
//!
//! All writes of a request go through [`Write`]: effects, events and the idempotency record are one
//! transaction. Around the router stands [`Edge`]: request ids, problems, panics, conditional
//! requests, headers and the request log.

mod answer;
mod api;
mod batch;
mod browser;
mod denial;
mod describe;
mod edge;
mod exchange;
pub mod extract;
mod idempotency;
mod limit;
mod platform;
mod problem;
mod write;

pub use answer::{
    Accepted, Answer, Created, Listed, Made, NoContent, Plain, Rehearsable, Rendered,
    Representation, Taken, Upserted, Versioned,
};
pub use api::{Api, Describing, Document, Endpoint, Entry, Purpose, Serving};
pub use batch::{BatchResult, BatchResults, BatchStep, Operations};
pub use browser::{
    Cookie, Form, FormFields, Found, OAuth, OAuthError, OAuthProblem, Published, Visit,
    WithCookies, bearer_from, in_own_form, seconds_until,
};
pub use denial::{DenialRecords, access_denied_event};
pub use describe::{Describe, OperationDocument};
pub use edge::Edge;
pub use exchange::RequestContext;
pub use extract::{
    ACT_FOR_HEADER, Allowed, AllowedOrService, Asking, Authenticated, Body, CALLER_HEADER, Caller,
    CallingService, Empty, Entitled, Flag, Foreign, FromCsv, FromService, Gate, IfMatch, Known,
    Listing, NoFilters, Operator, OrOperator, Parameters, PathParameter, Public, RECENT, Recent,
    Session, SignedIn, Submission, Tabular, Verbatim,
};
pub use platform::{
    FingerprintKeys, InternalSecret, Platform, PlatformParts, Readiness, StaticSecret,
};
pub use problem::{Answered, Problem, status};
pub use write::Write;

#[doc(hidden)]
pub mod private {
    pub use pastey::paste;
}
