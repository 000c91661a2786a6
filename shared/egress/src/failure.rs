//! What becomes of a call that is not answered.

use std::{error::Error, fmt};

use crate::Denied;

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A connection.
    Connect,
    /// The first bytes of the body.
    First,
    /// More of it.
    Idle,
    /// The end of it.
    Total,
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was sent.
    Denied(Denied),
    /// Nothing was sent: nobody is there, or has no good certificate.
    NotConnected(String),
    TimedOut(Wait),
    /// It was sent; the answer ended in the middle, or is none.
    Broken(String),
    /// More than was asked for.
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Denied(denied) => denied.fmt(f),
            Failure::NotConnected(why) => write!(f, "no connection: {why}"),
            Failure::TimedOut(Wait::Connect) => f.write_str("no connection in time"),
            Failure::TimedOut(Wait::First) => f.write_str("no answer in time"),
            Failure::TimedOut(Wait::Idle) => f.write_str("the answer has stopped coming"),
            Failure::TimedOut(Wait::Total) => f.write_str("the answer takes too long"),
            Failure::Broken(why) => write!(f, "the connection broke: {why}"),
            Failure::TooLarge => f.write_str("the answer is too large"),
        }
    }
}

impl Error for Failure {}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Failure {
        // The address may have what nobody should read in its query.
        let error = error.without_url();
        let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
        let mut cause = error.source();
        while let Some(known) = cause {
            causes.push(known);
            cause = known.source();
        }
        if let Some(denied) = causes.iter().find_map(|cause| cause.downcast_ref::<Denied>()) {
            return Failure::Denied(denied.clone());
        }
        let why = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => Failure::TimedOut(Wait::Connect),
            (true, false) => Failure::NotConnected(why),
            (false, true) => Failure::TimedOut(Wait::Total),
            (false, false) => Failure::Broken(why),
        }
    }
}
