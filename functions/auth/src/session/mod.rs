//! Sessions of a person: seen, named, ended.

pub mod read;
pub mod revoke;
