//! The closed list of permissions, declared beside the routes that need them.

use std::fmt;

millwright_core::wire_enum! {
    /// The four built-in roles, each containing the next lower one.
    pub enum SystemRole {
        Owner = "owner",
        Admin = "admin",
        Member = "member",
        Viewer = "viewer",
    }
}

/// Who can hold a permission at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantable {
    /// Roles and keys of an organization.
    Role,
    /// Only these calling services.
    Service(&'static [&'static str]),
    /// Only the platform operator.
    Operator,
}

/// One entry of the permission catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Permission {
    /// `module.resource.action`.
    pub code: &'static str,
    /// What it lets one do, imperative.
    pub summary: &'static str,
    pub grantable: Grantable,
    /// The built-in roles that hold it.
    pub default_roles: &'static [SystemRole],
}

impl Permission {
    /// Held by owners alone unless a role names it literally: no wildcard reaches it.
    pub fn is_owner_only(&self) -> bool {
        self.default_roles == [SystemRole::Owner]
    }

    pub fn module(&self) -> &'static str {
        self.code.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// A permission as a type, for the signature of a handler.
pub trait Requires: Send + Sync + 'static {
    const PERMISSION: &'static Permission;
}

/// Declares the permissions of a service as types, and `CATALOGUE` of all of them.
///
/// ```
/// millwright_identity::permissions! {
///     /// Read projects
///     ProjectRead = "planning.project.read" [Owner Admin Member Viewer];
///     /// Delete projects
///     ProjectDelete = "planning.project.delete" [Owner Admin];
/// }
/// assert_eq!(CATALOGUE.len(), 2);
/// ```
#[macro_export]
macro_rules! permissions {
    (@grantable [$($role:ident)*]) => { $crate::Grantable::Role };
    (@grantable (services $($service:literal)+)) => {
        $crate::Grantable::Service(&[$($service),+])
    };
    (@roles [$($role:ident)*]) => { &[$($crate::SystemRole::$role),*] };
    (@roles (services $($service:literal)+)) => { &[] };
    ($(#[doc = $summary:literal] $name:ident = $code:literal $holders:tt;)+) => {
        $(
            #[doc = $summary]
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl $crate::Requires for $name {
                const PERMISSION: &'static $crate::Permission = &$crate::Permission {
                    code: $code,
                    summary: $summary.trim_ascii(),
                    grantable: $crate::permissions!(@grantable $holders),
                    default_roles: $crate::permissions!(@roles $holders),
                };
            }
        )+

        /// Every permission of this service.
        pub const CATALOGUE: &[&$crate::Permission] =
            &[$(<$name as $crate::Requires>::PERMISSION),+];
    };
}
