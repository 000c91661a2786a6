//! Envelope encryption: values under data keys, data keys under a master key.

mod keys;
mod seal;
mod service;

pub use self::{
    keys::{DataKey, KeyRing, Purpose},
    seal::{Sealed, Whereabouts, open, seal},
    service::{KeyService, MasterKeys},
};
