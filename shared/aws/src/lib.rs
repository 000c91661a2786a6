//! Calls to AWS services of which we need one or two operations: their SDKs would cost minutes of
//! compiling and megabytes of a binary. Signed by `aws-sigv4`, sent and tried again by the runtime
//! of the SDKs, through the HTTP client they share.
//!
//! - [`Endpoint`]: a service that can be called.
//! - [`Signer`]: signatures of requests and links.
//! - [`Functions`]: operations of other services' functions, by direct invoke.
//! - [`Mail`]: letters, by the Simple Email Service.
//! - [`MasterKey`]: data keys, made and unwrapped by the Key Management Service.
//! - [`Parameters`]: settings of the installation, in the parameter store of Systems Manager.

mod endpoint;
mod functions;
mod keys;
mod mail;
mod parameters;
mod signer;

pub use endpoint::{Answer, Endpoint, EndpointParts, Timeouts, credentials};
pub use functions::{Called, Functions};
pub use keys::{EncryptionContext, MasterKey, NewDataKey};
pub use mail::{Letter, Mail};
pub use parameters::Parameters;
pub use signer::{Pairs, SignableBody, Signer, Unsigned, encoded};
