//! The algebra of patterns (specs user-management 5.4): what they reach, how they are kept, and
//! what a caller may hand on.

use crate::{Grantable, Grants, Pattern, Permission, SystemRole};

/// Every permission of an installation.
pub type Catalogue<'a> = &'a [&'static Permission];

impl Pattern {
    /// The permissions it reaches.
    pub fn reach(&self, catalogue: Catalogue<'_>) -> Vec<&'static Permission> {
        catalogue.iter().copied().filter(|permission| self.reaches(permission)).collect()
    }

    /// Without a wildcard it is a code; the permission called so, if there is one that roles hold.
    fn named(&self, catalogue: Catalogue<'_>) -> Option<&'static Permission> {
        let code = self.to_string();
        let named = catalogue.iter().copied().find(|permission| permission.code == code);
        named.filter(|permission| permission.grantable == Grantable::Role)
    }
}

/// The shortest list with the same reach: sorted, without what others of the list reach anyway. A
/// code that no wildcard reaches is kept beside one, also one that the catalogue does not know.
pub fn canonical(mut patterns: Vec<Pattern>, catalogue: Catalogue<'_>) -> Vec<Pattern> {
    patterns.sort_by_key(ToString::to_string);
    patterns.dedup();
    let needed = |pattern: &Pattern| {
        let subsumed = patterns.iter().any(|it| it != pattern && it.subsumes(pattern));
        let is_reached_by_wildcards = pattern.has_wildcard()
            || pattern.named(catalogue).is_some_and(|permission| !permission.is_owner_only());
        !(subsumed && is_reached_by_wildcards)
    };
    patterns.iter().filter(|pattern| needed(pattern)).cloned().collect()
}

impl Grants {
    /// True if whoever holds these may hand the pattern on: they hold whatever it reaches, and with
    /// a custom role or a key they hold a wildcard only as wide as their own.
    pub fn cover(&self, pattern: &Pattern, catalogue: Catalogue<'_>) -> bool {
        let holds = |permission: &&'static Permission| self.reason(permission).is_some();
        pattern.reach(catalogue).iter().all(holds)
            && (!pattern.has_wildcard() || self.span(pattern))
    }

    /// True if whoever holds these may hand a built-in role on.
    pub fn cover_role(&self, role: SystemRole, catalogue: Catalogue<'_>) -> bool {
        codes_of(role, catalogue).iter().all(|permission| self.reason(permission).is_some())
    }

    /// A wildcard also reaches what later deployments bring.
    fn span(&self, pattern: &Pattern) -> bool {
        let one_spans = |patterns: &[Pattern]| patterns.iter().any(|it| it.subsumes(pattern));
        match self {
            Grants::Role(_) => true,
            Grants::Patterns(patterns) => one_spans(patterns),
            Grants::Scoped { role, scopes } => one_spans(scopes) && role.span(pattern),
            Grants::Nothing => false,
        }
    }
}

/// What a built-in role is.
pub fn codes_of(role: SystemRole, catalogue: Catalogue<'_>) -> Vec<&'static Permission> {
    let holds = |permission: &&'static Permission| {
        permission.grantable == Grantable::Role && permission.default_roles.contains(&role)
    };
    catalogue.iter().copied().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::SystemRole::{Admin, Member, Owner, Viewer};

    macro_rules! catalogue {
        ($($code:literal $roles:expr;)+) => {
            &[$(&Permission {
                code: $code,
                summary: "S",
                grantable: Grantable::Role,
                default_roles: $roles,
            }),+]
        };
    }

    const ALL: &[SystemRole] = &[Owner, Admin, Member, Viewer];
    const NOW: Catalogue<'static> = catalogue! {
        "a.x.read" ALL;
        "a.x.create" &[Owner, Admin, Member];
        "a.y.read" ALL;
        "a.y.delete" &[Owner];
        "b.x.read" &[Owner, Admin];
        "b.x.delete" &[Owner];
    };
    const LATER: Catalogue<'static> = catalogue! {
        "a.x.read" ALL;
        "a.x.create" &[Owner, Admin, Member];
        "a.y.read" ALL;
        "a.y.delete" &[Owner];
        "b.x.read" &[Owner, Admin];
        "b.x.delete" &[Owner];
        "a.z.read" ALL;
        "b.y.create" &[Owner, Admin];
        "c.x.read" ALL;
        "c.x.delete" &[Owner];
    };

    fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
        let one = "(\\*|a|b|c)\\.(\\*|x|y|z)\\.(\\*|read|create|delete)";
        vec(one.prop_map(|text| text.parse().expect("a pattern")), 0..6)
    }

    fn reach(patterns: &[Pattern], catalogue: Catalogue<'_>) -> BTreeSet<&'static str> {
        patterns.iter().flat_map(|it| it.reach(catalogue)).map(|it| it.code).collect()
    }

    fn held(grants: &Grants, catalogue: Catalogue<'_>) -> BTreeSet<&'static str> {
        let held = catalogue.iter().filter(|permission| grants.reason(permission).is_some());
        held.map(|permission| permission.code).collect()
    }

    proptest! {
        #[test]
        fn canonical_lists_reach_the_same_now_and_later(patterns in patterns()) {
            let canonical_now = canonical(patterns.clone(), NOW);
            prop_assert_eq!(canonical(canonical_now.clone(), NOW), canonical_now.clone());
            for catalogue in [NOW, LATER] {
                prop_assert_eq!(reach(&canonical_now, catalogue), reach(&patterns, catalogue));
            }
        }

        #[test]
        fn what_is_covered_is_held_now_and_later(
            mine in patterns(), scopes in patterns(), wanted in patterns(),
        ) {
            let role = Grants::Patterns(mine);
            let key = Grants::Scoped { role: Box::new(role.clone()), scopes };
            for grants in [role, key] {
                for pattern in wanted.iter().filter(|pattern| grants.cover(pattern, NOW)) {
                    let of_it = reach(std::slice::from_ref(pattern), NOW);
                    prop_assert!(of_it.is_subset(&held(&grants, NOW)));
                    if pattern.has_wildcard() {
                        let later = reach(std::slice::from_ref(pattern), LATER);
                        prop_assert!(later.is_subset(&held(&grants, LATER)));
                    }
                }
            }
        }

        #[test]
        fn no_wildcard_reaches_what_owners_alone_hold(patterns in patterns()) {
            for pattern in patterns.iter().filter(|pattern| pattern.has_wildcard()) {
                prop_assert!(pattern.reach(LATER).iter().all(|it| !it.is_owner_only()));
            }
        }
    }

    #[test]
    fn roles_contain_the_next_lower_one_and_cover_it() {
        for (index, role) in SystemRole::ALL.iter().enumerate() {
            let grants = Grants::Role(*role);
            for (other, lower) in SystemRole::ALL.iter().enumerate() {
                assert_eq!(grants.cover_role(*lower, NOW), index <= other, "{role} {lower}");
            }
        }
    }

    #[test]
    fn an_owner_only_code_stays_beside_a_wildcard() {
        let list = |texts: &[&str]| -> Vec<Pattern> {
            texts.iter().map(|text| text.parse().expect("a pattern")).collect()
        };
        let kept = canonical(list(&["b.x.delete", "b.*", "b.x.read", "b.*.*"]), NOW);
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["b.*", "b.x.delete"]);
    }
}
