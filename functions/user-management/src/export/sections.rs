//! What is in an export, file by file.

use crate::domain::ExportScope;

/// One file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    // Of a person.
    Profile,
    Preferences,
    Memberships,
    TeamsOfUser,
    InvitationsReceived,
    InvitationsSent,
    Authentication,
    // Of an organization.
    Organization,
    Settings,
    SecuritySettings,
    Roles,
    Members,
    Teams,
    Invitations,
}

const OWN: &str = "user-management";
const AUTH: &str = "auth";

/// The files of an export, those of one service together.
pub(super) fn of(scope: ExportScope) -> &'static [Section] {
    match scope {
        ExportScope::User => &[
            Section::Profile,
            Section::Preferences,
            Section::Memberships,
            Section::TeamsOfUser,
            Section::InvitationsReceived,
            Section::InvitationsSent,
            Section::Authentication,
        ],
        ExportScope::Organization => &[
            Section::Organization,
            Section::Settings,
            Section::SecuritySettings,
            Section::Roles,
            Section::Members,
            Section::Teams,
            Section::Invitations,
        ],
    }
}

impl Section {
    /// The service whose data it is.
    pub(super) fn part(self) -> &'static str {
        match self {
            Section::Authentication => AUTH,
            _ => OWN,
        }
    }

    /// Its name in the archive.
    pub(super) fn path(self) -> &'static str {
        match self {
            Section::Profile => "user-management/profile.json",
            Section::Preferences => "user-management/preferences.json",
            Section::Memberships => "user-management/memberships.json",
            Section::TeamsOfUser | Section::Teams => "user-management/teams.json",
            Section::InvitationsReceived => "user-management/invitations-received.json",
            Section::InvitationsSent => "user-management/invitations-sent.json",
            Section::Authentication => "auth/data.json",
            Section::Organization => "user-management/organization.json",
            Section::Settings => "user-management/settings.json",
            Section::SecuritySettings => "user-management/security-settings.json",
            Section::Roles => "user-management/roles.json",
            Section::Members => "user-management/members.json",
            Section::Invitations => "user-management/invitations.json",
        }
    }

    /// Of one thing, or a list of things.
    pub(super) fn is_list(self) -> bool {
        !matches!(
            self,
            Section::Profile
                | Section::Preferences
                | Section::Organization
                | Section::Settings
                | Section::SecuritySettings
        )
    }
}
