//! Tokens: issued from facts, rotated, exchanged, revoked.

pub mod browser;
pub mod endpoint;
pub mod issue;
mod key;
pub mod revoke;
pub mod rotate;
pub mod switch;
