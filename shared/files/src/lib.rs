//! The private files of a service, in its S3 bucket: uploads, results, whatever does not fit into
//! an item.
//!
//! - [`FileKey`]: `<folder>/<organization>/<id>`, built from a tenant like the keys of items. The
//!   folder comes first because S3 lets files expire, and roles be narrow, by the beginning of
//!   keys alone.
//! - [`Files`]: put, read in parts, look at, delete.
//! - [`Link`]: a signed request that somebody without credentials may make once or more until it
//!   expires: to upload exactly these bytes, or to download.
//! - [`Sha256`]: a checksum as clients write it.
//!
//! Requests are signed by `aws-sigv4` and sent through the HTTP client that all AWS clients share;
//! the S3 client of the SDK would make every function larger for five kinds of requests.

mod address;
mod client;
mod key;
mod link;
mod sha256;

pub use client::{Files, Part, Stored};
pub use key::{FileKey, Folder};
pub use link::{Link, Promise};
pub use sha256::Sha256;
