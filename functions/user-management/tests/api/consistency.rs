//! What is counted agrees with what is there, whatever happened before.

use std::collections::BTreeMap;

use millwright_access::facts::UserFacts;
use millwright_testkit::TestApp;
use user_management::{
    domain::{InvitationStatus, Member, User},
    store::{Counters, InvitationItem, MemberItem, RoleItem},
};

/// Members, owners, roles, invitations and cards of every organization, and the counts of every
/// user.
#[track_caller]
pub fn check(items: &[millwright_store::RawItem]) {
    let members: Vec<Member> = items
        .iter()
        .filter(|item| item.is::<MemberItem>())
        .map(|item| item.decode::<MemberItem>().unwrap().member)
        .collect();
    let present = || members.iter().filter(|member| member.is_present());
    for item in items.iter().filter(|item| item.is::<Counters>()) {
        let organization = item.partition_key().trim_start_matches("ORG#");
        let counters: Counters = item.decode().unwrap();
        let own = || present().filter(|member| member.organization_id.to_string() == organization);
        assert_eq!(counters.member_count, own().count() as u64, "members of {organization}");
        let owners = own().filter(|member| member.is_active_owner()).count() as u64;
        assert_eq!(counters.active_owner_count, owners, "owners of {organization}");
        let pending = items
            .iter()
            .filter(|item| {
                item.is::<InvitationItem>() && item.partition_key().contains(organization)
            })
            .map(|item| item.decode::<InvitationItem>().unwrap().invitation)
            .filter(|invitation| invitation.status == InvitationStatus::Pending)
            .count() as u64;
        assert_eq!(counters.pending_invitation_count, pending, "invitations of {organization}");
    }
    for item in items.iter().filter(|item| item.is::<RoleItem>()) {
        let role: RoleItem = item.decode().unwrap();
        let holders = present().filter(|member| member.role_id == role.facts.role_id);
        assert_eq!(role.member_count, holders.count() as u64, "holders of {}", role.name);
    }
    let mut of_user: BTreeMap<String, u64> = BTreeMap::new();
    for member in present() {
        *of_user.entry(member.user_id.to_string()).or_default() += 1;
    }
    for item in items.iter().filter(|item| item.sort_key() == "MEMBERSHIPS") {
        let user = item.partition_key().trim_start_matches("USER#");
        let expected = of_user.get(user).copied().unwrap_or_default();
        assert_eq!(item.number("count").unwrap_or_default(), expected, "organizations of {user}");
    }
    for item in items.iter().filter(|item| item.is::<User>()) {
        let user: User = item.decode().unwrap();
        for member in members.iter().filter(|member| member.user_id == user.id) {
            assert_eq!(member.user, user.card(), "a card");
        }
        let facts = items.iter().find(|facts| {
            facts.is::<UserFacts>() && facts.partition_key().contains(&user.id.to_string())
        });
        let facts: UserFacts = facts.expect("facts").decode().unwrap();
        assert_eq!(facts.status, user.status);
    }
}

/// As [`check`], of what is in the table.
pub async fn consistent(app: &TestApp) {
    check(&app.database.items().await);
}
