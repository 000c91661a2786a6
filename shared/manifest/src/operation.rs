//! One row of the operation list: what guards iterate and documents show.

use std::fmt;

use millwright_identity::Permission;

/// The HTTP methods operations use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may call an operation, taken from the first argument of its handler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Access {
    /// No credential needed.
    Public,
    /// Any verified credential.
    Authenticated,
    /// A person, about what is their own.
    SignedIn,
    /// The platform operator.
    Operator,
    /// A credential whose role or key holds the permission, or a service that does.
    Permission(&'static Permission),
}

/// How much of a person must be behind the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// API keys may do it, too.
    Any,
    /// Somebody has signed in.
    Session,
    /// Somebody has signed in within ten minutes.
    Recent,
}

/// An operation of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// `<noun>_<verb>`: handler, operationId, test and audit action are called so.
    pub name: &'static str,
    pub method: Method,
    /// With `{parameters}`, from `/api/v1` on (the gateway's own from `/`).
    pub path: String,
    pub access: Access,
    pub presence: Presence,
    /// May be used by an automation (agent, workflow) with the rights of its principal.
    pub for_automation: bool,
    /// May be called by a service on behalf of a user who is not present.
    pub on_behalf: bool,
}

impl Operation {
    pub fn permission(&self) -> Option<&'static Permission> {
        match self.access {
            Access::Permission(permission) => Some(permission),
            Access::Public | Access::Authenticated | Access::SignedIn | Access::Operator => None,
        }
    }

    pub fn is_mutation(&self) -> bool {
        self.method != Method::Get
    }
}
