//! The rules of user-management: pure types and functions. No I/O, no AWS, no clock, no randomness.

mod email;
mod explain;
mod export;
mod invitation;
mod leaving;
mod member;
mod organization;
mod preferences;
mod profile;
mod role;
mod settings;
mod slug;
mod team;
mod user;

pub use email::{Email, EmailDomain};
pub use explain::{Explanation, Outcome, Standing, Step};
pub use export::{
    DataExport, DataExportId, DataExportNoun, EXPORT_KEPT, ExportDetails, ExportFormat,
    ExportScope, ExportStatus, LastExport, PartStatus, Parts,
};
pub use invitation::{
    CancelReason, EMAIL_LIFETIME, Invitation, InvitationBatchId, InvitationBatchNoun, InvitationId,
    InvitationStatus, InvitationType, LinkHours, MailStatus, MaxUses, Message,
};
pub use leaving::{DELETED_NAME, DeactivationReason, USER_DELETION_WINDOW};
pub use member::{EndReason, Member, MemberSummary, SuspensionReason};
pub use millwright_core::Few;
pub use organization::{
    DEFAULT_MEMBER_LIMIT, Description, ORGANIZATION_DELETION_WINDOW, Organization,
    OrganizationName, OrganizationPatch, SystemRoleIds,
};
pub use preferences::{
    Channel, Channels, DateFormat, FocusBlock, Interval, Preferences, PreferencesPatch, Theme,
    TimeFormat, TimeOfDay, Weekday, WorkingHours,
};
pub use profile::{HttpsUrl, Language, PhoneNumber, Skills, Timezone};
pub use role::{
    PatternText, Patterns, Role, RoleDescription, RoleName, check_size, settled, system_codes,
};
pub use settings::{
    AllowedDomains, CustomSettings, SecurityPatch, SecuritySettings, Settings, SettingsPatch,
    WeekStart,
};
pub use slug::{SLUG_ATTEMPTS, Slug};
pub use team::{Forest, MAX_TEAM_DEPTH, Team, TeamDescription, TeamMember, TeamName, TeamRole};
pub use user::{
    MAX_EMAILS, NamePart, NewUser, ShortText, User, UserCard, UserEmail, UserName, UserPatch, fold,
};

use millwright_core::Timestamp;

/// When something happened, and by whom: a user, service key, operator or service.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: String,
}
