//! Somebody who is signed in.

use millwright_access::facts::{
    MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, UserFacts, UserStatus,
};
use millwright_core::{Id, OrgId, SessionId, UserId};
use millwright_identity::SystemRole;
use millwright_store::Store;
use uuid::Uuid;

use super::{MAC, PROVIDER};
use crate::{
    domain::{Asserted, ClientKind, Identity, IdentityId, Refresh, RefreshToken, Session, Visitor},
    secret::MacKey,
    store::{IdentityOwner, PersonHead},
    vouch,
};

/// A person who is signed in, and what belongs to them.
pub struct Furnished {
    /// The refresh token of the browser's session.
    pub cookie: String,
    /// That of a native client.
    pub native: String,
    pub session: SessionId,
    pub other_session: SessionId,
    pub identities: [IdentityId; 2],
}

/// The session of a furnished person.
pub fn furnished_session() -> SessionId {
    Id::from_uuid(Uuid::from_u128(77))
}

fn furnished(
    store: &Store,
    user: UserId,
    organization: OrgId,
    id: SessionId,
    native: bool,
) -> (Session, String) {
    let now = store.clock().now();
    let key = MacKey::new(MAC);
    let token = RefreshToken::mint(&key, user, id, 1, &store.ids().random_bytes());
    let refresh =
        Refresh { generation: 1, current: Some(token.text.fingerprint()), ..Refresh::default() };
    let session = Session {
        id,
        user_id: user,
        version: 1,
        client_id: if native { "cli" } else { "web" }.to_owned(),
        client_kind: if native { ClientKind::Native } else { ClientKind::Browser },
        device_name: "Desk".parse().expect("a name"),
        organization_id: Some(organization),
        remember: false,
        auth_time: now,
        created_at: now,
        last_active_at: now,
        expires_at: Session::end(now, false),
        visitor: Visitor::default(),
        identity_id: Id::from_uuid(Uuid::from_u128(1)),
        amr: Vec::new(),
        refresh,
        activity: None,
        revoked_at: None,
        revoked_reason: None,
    };
    (session, token.text.expose().to_owned())
}

/// Signs a person in without a provider, twice, as an owner of the organization.
pub async fn furnish(store: &Store, user: UserId, organization: OrgId) -> Furnished {
    let now = store.clock().now();
    let (person, tenant) = (vouch::person(user), vouch::organization(organization));
    let mut transaction = store.transaction(&person);
    let (first, cookie) = furnished(store, user, organization, furnished_session(), false);
    let (second, native) = furnished(store, user, organization, store.ids().next(), true);
    transaction.create(&first);
    transaction.create(&second);
    let mut identities = Vec::new();
    for number in [1, 2] {
        let asserted = Asserted {
            issuer: PROVIDER.to_owned(),
            subject: format!("{user}-{number}"),
            email: format!("ada{number}@example.org"),
            display_name: None,
            given_name: None,
            family_name: None,
            avatar_url: None,
            language: None,
            amr: Vec::new(),
        };
        let id = Id::from_uuid(Uuid::from_u128(number));
        let identity = Identity::new(id, user, "test", &asserted, now);
        transaction.create(&IdentityOwner::of(&identity));
        transaction.create(&identity);
        identities.push(id);
    }
    let identities = [identities[0], identities[1]];
    transaction.create(&PersonHead {
        sessions: vec![first.id, second.id],
        identities: identities.to_vec(),
        version: 1,
    });
    transaction.put(&UserFacts {
        user_id: user,
        status: UserStatus::Active,
        deactivated_by: None,
        access_version: 1,
        default_organization_id: None,
    });
    transaction.within(&tenant, |of_organization| {
        of_organization.put(&OrganizationFacts {
            organization_id: organization,
            status: OrganizationStatus::Active,
            access_version: 1,
            personal_api_keys_allowed: true,
            api_key_max_lifetime_days: 365,
            session_max_age_seconds: None,
            reauth_after: None,
        });
        of_organization.put(&MembershipFacts {
            user_id: user,
            role_id: Id::from_uuid(Uuid::from_u128(7)),
            system_role: Some(SystemRole::Owner),
            status: MembershipStatus::Active,
            access_version: 1,
            reauth_after: None,
        });
    });
    transaction.commit().await.expect("furnished");
    Furnished { cookie, native, session: first.id, other_session: second.id, identities }
}
