//! What a proven identity means for accounts (specs auth, section 5.2).

use millwright_access::facts::{DeactivatedBy, UserFacts, UserStatus};
use millwright_core::UserId;

use super::Reason;
use crate::settings::{Settings, SignUp};

/// What a provider has asserted, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asserted {
    pub issuer: String,
    pub subject: String,
    /// Verified, lower-cased, at most 254 characters.
    pub email: String,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub avatar_url: Option<String>,
    pub language: Option<String>,
    /// Methods of the sign-in, at most 10.
    pub amr: Vec<String>,
}

/// What to do with somebody who wants to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// The person may sign in.
    SignIn(UserId),
    /// The identity is known, the person was never made, or goes on after a deactivation.
    Provision {
        user: UserId,
        reactivate: bool,
    },
    Refuse(Reason),
}

/// Whether a known identity signs in.
pub fn account(user: UserId, facts: Option<&UserFacts>, reactivate: bool) -> Account {
    let Some(facts) = facts else {
        return Account::Provision { user, reactivate: false };
    };
    match (facts.status, facts.deactivated_by) {
        (UserStatus::Active, _) => Account::SignIn(user),
        (UserStatus::Deleted, _) | (_, Some(DeactivatedBy::Operator)) => {
            Account::Refuse(Reason::AccountDisabled)
        }
        _ if reactivate => Account::Provision { user, reactivate: true },
        _ => Account::Refuse(Reason::AccountDeactivated),
    }
}

impl Settings {
    /// True if whoever has this e-mail may sign up only with an invitation.
    pub fn wants_invitation(&self, email: &str) -> bool {
        match self.sign_up {
            SignUp::Open => false,
            SignUp::InvitedOnly => true,
            SignUp::Domains => {
                let domain = email.rsplit('@').next().unwrap_or_default();
                !self.sign_up_domains.iter().any(|it| it.eq_ignore_ascii_case(domain))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use millwright_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn the_table_of_accounts() {
        let user: UserId = Id::derived(Timestamp::UNIX_EPOCH, &[1; 10]);
        let with = |status, deactivated_by, reactivate| {
            let facts = UserFacts {
                user_id: user,
                status,
                deactivated_by,
                access_version: 1,
                default_organization_id: None,
            };
            account(user, Some(&facts), reactivate)
        };
        use {DeactivatedBy::*, UserStatus::*};
        let again = Account::Provision { user, reactivate: true };
        assert_eq!(account(user, None, true), Account::Provision { user, reactivate: false });
        assert_eq!(with(Active, None, false), Account::SignIn(user));
        for status in [Deactivated, DeletionScheduled] {
            let refused = Account::Refuse(Reason::AccountDeactivated);
            assert_eq!(with(status, Some(Themselves), false), refused);
            assert_eq!(with(status, Some(Themselves), true), again);
            let disabled = Account::Refuse(Reason::AccountDisabled);
            assert_eq!(with(status, Some(Operator), true), disabled);
        }
        assert_eq!(with(Deleted, None, true), Account::Refuse(Reason::AccountDisabled));
    }
}
