//! The problem codes of user-management, beside the shared ones.

millwright_core::codes! {
    UNKNOWN_PERMISSION = Invalid "unknown_permission" "No permission is called so";
    ROLE_TOO_POWERFUL = Invalid "role_too_powerful" "The role grants too much for a link";
    CONFIRM_MISMATCH = Invalid "confirm_mismatch" "The confirmation is not the slug";
    EXCEEDS_OWN_PERMISSIONS = Forbidden "exceeds_own_permissions" "The role grants what the caller does not hold";
    OWN_ROLE = Forbidden "own_role" "Nobody changes their own role";
    OWNER_ONLY = Forbidden "owner_only" "Only owners act on owners";
    INVITATION_EMAIL_MISMATCH = Forbidden "invitation_email_mismatch" "The invitation is for another e-mail address";
    LINK_INVITATIONS_DISABLED = Forbidden "link_invitations_disabled" "The organization forbids invitations by link";
    SIGN_UP_CLOSED = Forbidden "sign_up_closed" "Signing up needs an invitation";
    SYSTEM_ROLE = Conflict "system_role" "System roles cannot be changed";
    ROLE_ARCHIVED = Conflict "role_archived" "The role is archived and cannot be given";
    ROLE_IN_USE = Conflict "role_in_use" "Members or invitations have the role";
    LAST_OWNER = Conflict "last_owner" "The organization would be left without an active owner";
    SLUG_TAKEN = Conflict "slug_taken" "The slug is taken";
    EMAIL_TAKEN = Conflict "email_taken" "Another user has the e-mail address";
    EMAIL_NOT_MINE = Conflict "email_not_mine" "The e-mail address is not one of the user's";
    ALREADY_MEMBER = Conflict "already_member" "The person is a member already";
    MEMBERSHIP_SUSPENDED = Conflict "membership_suspended" "The membership is suspended";
    NOT_A_MEMBER = Conflict "not_a_member" "The person is no active member";
    EMAIL_DOMAIN_NOT_ALLOWED = Conflict "email_domain_not_allowed" "The domain of the e-mail address is not allowed";
    INVITATION_NOT_PENDING = Conflict "invitation_not_pending" "The invitation is not pending";
    INVITATION_EXPIRED = Conflict "invitation_expired" "The invitation has expired";
    INVITATION_USED_UP = Conflict "invitation_used_up" "The invitation was used as often as it may be";
    EXPORT_TOO_SOON = Conflict "export_too_soon" "There was an export a short time ago";
    BATCH_RUNNING = Conflict "batch_running" "The organization has a batch of invitations running";
    RESEND_LIMIT_REACHED = Conflict "resend_limit_reached" "The invitation was sent as often as it may be";
    RESEND_TOO_SOON = RateLimited "resend_too_soon" "The invitation was sent a moment ago";
    MEMBER_LIMIT_REACHED = Conflict "member_limit_reached" "The organization has as many members as it may";
    ORGANIZATION_LIMIT_REACHED = Conflict "organization_limit_reached" "The user has as many organizations as one may";
    ROLE_LIMIT_REACHED = Conflict "role_limit_reached" "The organization has as many custom roles as it may";
    INVITATION_LIMIT_REACHED = Conflict "invitation_limit_reached" "The organization has as many invitations as it may";
    TEAM_LIMIT_REACHED = Conflict "team_limit_reached" "There are as many teams as there may be";
    TEAM_MEMBER_LIMIT_REACHED = Conflict "team_member_limit_reached" "The team has as many members as it may";
    EMAIL_LIMIT_REACHED = Conflict "email_limit_reached" "The user has as many e-mail addresses as one may";
    TEAM_HAS_SUBTEAMS = Conflict "team_has_subteams" "The team has subteams";
    TEAM_CYCLE = Conflict "team_cycle" "A team cannot be below itself";
    TEAM_TOO_DEEP = Conflict "team_too_deep" "Teams would be nested too deep";
}
