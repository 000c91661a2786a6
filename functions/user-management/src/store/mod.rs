//! What user-management stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`, U = `USER#<user>`. What ends in `#ACCESS` and the feed are the contract
//! with `auth` and every verifier (`millwright_access`): without personal data, read-only for them.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | facts of a user | pk `U#ACCESS`, sk `META` | - |
//! | organizations of a user | pk `U#ACCESS`, sk begins with `MEMBERSHIP#` | - |
//! | facts of an organization | pk `O#ACCESS`, sk `META` | - |
//! | facts of a member | pk `O#ACCESS`, sk `MEMBER#<user>` | - |
//! | role, with how many hold it | pk `O#ACCESS`, sk `ROLE#<role>` | - |
//! | roles of an organization, at most 54 | pk `O#ACCESS`, sk begins with `ROLE#` | - |
//! | user | pk U, sk `PROFILE` | - |
//! | how many organizations a user belongs to, and whether the account is in use | pk U, sk `MEMBERSHIPS` | - |
//! | preferences | pk U, sk `PREFERENCES` | - |
//! | when a user founded organizations | pk U, sk `FOUNDINGS` | - |
//! | whose an e-mail address is | pk `EMAIL#<address>`, sk `HEAD` (global) | - |
//! | whose a slug is, or was | pk `SLUG#<slug>`, sk `HEAD` (global) | - |
//! | organization, settings, security settings, counters | pk O, sk `PROFILE`, `SETTINGS`, `SECURITY`, `COUNTERS` | - |
//! | member with card | pk `O#MEMBERS`, sk `<user>` | - |
//! | members by name | pk `O#MEMBERS`, sk `<folded name>#<user>` | gsi1 |
//! | memberships that have ended, for a year | pk `O#HISTORY`, sk `<user>#<time>` | - |
//! | holders of a role | pk `O#ROLE#<role>`, sk `<user>` | gsi2 |
//! | role name, once | pk O, sk `ROLENAME#<folded name>` | - |
//! | invitations, newest first | pk `O#INVITATIONS`, sk `<invitation>`, descending | - |
//! | the pending invitation of an address | pk `O#INVITED`, sk `<address>` | - |
//! | how many invitations were sent on a day | pk `O#SENT`, sk `<date>` | - |
//! | batch of invitations; what was sent; what became of its rows | pk `O#BATCH#<batch>`, sk `HEAD`, `REQUEST`, `CHECKPOINT`, `INPUT`, `ROW#<index, 4 digits>` | - |
//! | batches, the newest first; how many run | pk `O#BATCH`, sk `<created at>#<batch>`; pk `O#COUNT`, sk `JOBS#invitations` | gsi2; - |
//! | export of data, of a person (U) or an organization | pk `O#EXPORT#<export>`, sk `HEAD`, `REQUEST`, `CHECKPOINT` | - |
//! | exports, the newest first; when the last one was asked for | pk `O#EXPORT`, sk `<created at>#<export>`; pk O, sk `LASTEXPORT` | gsi2; - |
//! | invitations to an address | pk `INVITEE#<address>`, sk `<invitation>` (global) | - |
//! | invitation of a token | pk `INVITETOKEN#<hash>`, sk `HEAD` (global) | - |
//! | all teams, at most 200, and the version of their tree | pk `O#TEAMS`, sk `HEAD`, `TEAM#<team>` | - |
//! | team name, once below a parent | pk `O#TEAMNAMES#<parent or root>`, sk `<folded name>` | - |
//! | members of a team; how many | pk `O#TEAM#<team>`, sk `<user>`; `COUNT` | - |
//! | teams of a member | pk `O#TEAMSOF`, sk `<user>` | - |
//! | deleted roles and teams, for a repeated DELETE | pk `O#GONE`, sk `<id>` | - |
//! | what falls due on a day | pk `DUE#<date>`, sk `<time>#<kind>#<id>` (global) | - |
//! | the day before which nothing is due any more | pk `DUE#SWEPT`, sk `HEAD` (global) | - |
//! | revocations of the last 20 minutes | pk `FEED`, sk `<milliseconds>#<id>` (global) | - |
//!
//! Outbox, inbox, idempotency records and denial marks are those of the shared crates.

mod due;
mod invitation;
mod member;
mod organization;
mod role;
mod team;
mod tombstone;
mod user;

pub use due::{Due, DueItem, Swept, due_on};
pub use invitation::{
    InvitationItem, Invitee, PendingMarker, TokenMarker, count_sent, newest_invitations,
};
pub use member::{
    FormerMembership, MAX_ORGANIZATIONS, MemberItem, Memberships, every_member, holders_of,
    member_place, members_by_name, memberships_of, write_member,
};
pub use organization::{
    Counted, Counters, SLUG_HELD, SettingsItem, SlugMarker, last_owner, organization_place,
    parts_of_organization, security_place, settings_place,
};
pub use role::{RoleItem, RoleNameMarker, roles_of};
pub use team::{
    MAX_TEAM_MEMBERS, TeamNameMarker, TeamsOfMember, change_tree, count_of, read_forest,
    team_count_place, team_member_place, team_members, team_names_partition, team_partition,
    team_place,
};
pub use tombstone::Tombstone;
pub use user::{EmailMarker, Foundings, MAX_FOUNDINGS, PreferencesItem, user_place};
