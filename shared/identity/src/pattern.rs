//! Permission patterns (specs user-management 5.4): `*`, `module.*`, `a.b.c` with `*` segments.

use std::{fmt, str::FromStr};

use millwright_core::InputError;

use crate::{Grantable, Permission};

/// One pattern of a custom role or a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// `None` stands for `*`.
    segments: [Option<String>; 3],
}

impl Pattern {
    /// True if the pattern grants the permission. A pattern with a wildcard never reaches an
    /// owner-only permission, and none reaches one that roles cannot hold.
    pub fn reaches(&self, permission: &Permission) -> bool {
        if permission.grantable != Grantable::Role {
            return false;
        }
        if self.has_wildcard() && permission.is_owner_only() {
            return false;
        }
        let mut codes = permission.code.split('.');
        self.segments.iter().all(|segment| match (segment, codes.next()) {
            (None, Some(_)) => true,
            (Some(wanted), Some(code)) => wanted == code,
            (_, None) => false,
        })
    }

    /// True if this pattern reaches whatever `other` reaches, segment by segment.
    pub fn subsumes(&self, other: &Pattern) -> bool {
        self.segments
            .iter()
            .zip(&other.segments)
            .all(|(mine, theirs)| mine.is_none() || mine == theirs)
    }

    pub fn has_wildcard(&self) -> bool {
        self.segments.iter().any(Option::is_none)
    }
}

impl FromStr for Pattern {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Pattern, InputError> {
        let bad = || {
            InputError::bad_format("must be *, module.* or module.resource.action, * per segment")
        };
        let parts: Vec<&str> = text.split('.').collect();
        let parts = match parts.as_slice() {
            ["*"] => ["*", "*", "*"],
            [module, "*"] => [*module, "*", "*"],
            [module, resource, action] => [*module, *resource, *action],
            _ => return Err(bad()),
        };
        let mut segments = [None, None, None];
        for (segment, part) in segments.iter_mut().zip(parts) {
            let literal = part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            match part {
                "*" => {}
                part if literal && !part.is_empty() => *segment = Some(part.to_owned()),
                _ => return Err(bad()),
            }
        }
        Ok(Pattern { segments })
    }
}

impl fmt::Display for Pattern {
    /// The shortest spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.segments {
            [None, None, None] => f.write_str("*"),
            [Some(module), None, None] => write!(f, "{module}.*"),
            segments => {
                let words: Vec<&str> =
                    segments.iter().map(|segment| segment.as_deref().unwrap_or("*")).collect();
                f.write_str(&words.join("."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SystemRole::{Admin, Member, Owner, Viewer};

    const READ: Permission = Permission {
        code: "planning.task.read",
        summary: "Read tasks",
        grantable: Grantable::Role,
        default_roles: &[Owner, Admin, Member, Viewer],
    };
    const TRANSFER: Permission = Permission {
        code: "organizations.organization.transfer",
        summary: "Transfer the organization",
        grantable: Grantable::Role,
        default_roles: &[Owner],
    };
    const PROVISION: Permission = Permission {
        code: "users.user.provision",
        summary: "Provision users",
        grantable: Grantable::Service(&["auth"]),
        default_roles: &[],
    };

    fn pattern(text: &str) -> Pattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn wildcards_reach_what_they_match() {
        for reaching in ["*", "planning.*", "planning.task.*", "*.*.read", "planning.task.read"] {
            assert!(pattern(reaching).reaches(&READ), "{reaching}");
        }
        for other in ["auth.*", "planning.project.*", "*.*.create", "planning.task.create"] {
            assert!(!pattern(other).reaches(&READ), "{other}");
        }
    }

    #[test]
    fn owner_only_permissions_want_to_be_named() {
        assert!(!pattern("*").reaches(&TRANSFER));
        assert!(!pattern("organizations.organization.*").reaches(&TRANSFER));
        assert!(pattern("organizations.organization.transfer").reaches(&TRANSFER));
    }

    #[test]
    fn no_pattern_reaches_what_only_services_hold() {
        assert!(!pattern("*").reaches(&PROVISION));
        assert!(!pattern("users.user.provision").reaches(&PROVISION));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for bad in
            ["", "planning", "planning.task", "a.b.c.d", "Planning.*", "pl*.task.read", "a..c"]
        {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn subsuming_patterns_reach_more(
            p in "(\\*|planning|auth)\\.(\\*|task|key)\\.(\\*|read|create)",
            q in "(\\*|planning|auth)\\.(\\*|task|key)\\.(\\*|read|create)",
        ) {
            let (p, q) = (pattern(&p), pattern(&q));
            if q.subsumes(&p) && p.reaches(&READ) {
                prop_assert!(q.reaches(&READ));
            }
            prop_assert_eq!(pattern(&p.to_string()), p);
        }
    }
}
