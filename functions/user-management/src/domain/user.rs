//! Users: who exists, whatever organization they belong to. How accounts are left is in
//! [`super::leaving`].

use millwright_access::facts::{DeactivatedBy, UserFacts, UserStatus};
use millwright_core::{Change, Error, Line, OrgId, Patch, Result, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DeactivationReason, Email, HttpsUrl, Language, PhoneNumber, Skills, Stamp, Timezone};
use crate::codes;

/// 1-200 characters.
pub type UserName = Line<1, 200>;
/// A given or family name, at most 100 characters.
pub type NamePart = Line<1, 100>;
/// A job title or speciality, at most 200 characters.
pub type ShortText = Line<1, 200>;

/// The most addresses of a user.
pub const MAX_EMAILS: usize = 5;

/// As texts are compared and sorted.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// A verified e-mail address of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserEmail {
    pub email: Email,
    pub verified_at: Timestamp,
    /// Exactly one is.
    pub primary: bool,
}

/// A user, as seen by the user alone, operators and `auth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "email": "ada@example.com",
    "emails": [{
        "email": "ada@example.com", "verifiedAt": "2026-11-23T01:04:58.000Z", "primary": true,
    }],
    "displayName": "Ada Lovelace",
    "givenName": "Ada",
    "familyName": "Lovelace",
    "phoneNumber": null,
    "avatarUrl": null,
    "jobTitle": "Analyst",
    "speciality": null,
    "skills": ["mathematics"],
    "timezone": "Europe/London",
    "language": "en",
    "defaultOrganizationId": null,
    "status": "active",
    "deactivatedBy": null,
    "deactivationReason": null,
    "deletesAt": null,
    "externalId": null,
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "auth",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "auth",
}))]
pub struct User {
    pub id: UserId,
    /// The primary address; null once the user is deleted.
    pub email: Option<Email>,
    pub emails: Vec<UserEmail>,
    pub display_name: UserName,
    pub given_name: Option<NamePart>,
    pub family_name: Option<NamePart>,
    pub phone_number: Option<PhoneNumber>,
    pub avatar_url: Option<HttpsUrl>,
    pub job_title: Option<ShortText>,
    pub speciality: Option<ShortText>,
    pub skills: Skills,
    pub timezone: Timezone,
    pub language: Language,
    pub default_organization_id: Option<OrgId>,
    pub status: UserStatus,
    pub deactivated_by: Option<DeactivatedBy>,
    /// The words given with it.
    #[serde(default)]
    pub deactivation_reason: Option<DeactivationReason>,
    /// When a scheduled deletion happens.
    pub deletes_at: Option<Timestamp>,
    /// Reserved for directories that keep users in step.
    pub external_id: Option<ShortText>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What other members see of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserCard {
    pub id: UserId,
    pub display_name: UserName,
    pub given_name: Option<NamePart>,
    pub family_name: Option<NamePart>,
    /// The primary address; null once the user is deleted.
    pub email: Option<Email>,
    pub avatar_url: Option<HttpsUrl>,
    pub job_title: Option<ShortText>,
    pub speciality: Option<ShortText>,
    pub skills: Skills,
    pub timezone: Timezone,
    pub status: UserStatus,
}

/// What is known of a person who signs in for the first time.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub id: UserId,
    pub email: Email,
    pub display_name: Option<UserName>,
    pub given_name: Option<NamePart>,
    pub family_name: Option<NamePart>,
    pub avatar_url: Option<HttpsUrl>,
    pub language: Option<Language>,
}

/// What a PATCH of one's own profile changes.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    pub email: Change<Email>,
    pub display_name: Change<UserName>,
    pub given_name: Patch<NamePart>,
    pub family_name: Patch<NamePart>,
    pub phone_number: Patch<PhoneNumber>,
    pub avatar_url: Patch<HttpsUrl>,
    pub job_title: Patch<ShortText>,
    pub speciality: Patch<ShortText>,
    pub skills: Patch<Skills>,
    pub timezone: Patch<Timezone>,
    pub language: Patch<Language>,
    pub default_organization_id: Patch<OrgId>,
}

impl User {
    /// The first version. Who brings no name is called by the address until they choose one.
    pub fn new(new: NewUser, stamp: Stamp) -> User {
        let Stamp { at, by } = stamp;
        let named_by_email =
            || new.email.as_str().chars().take(200).collect::<String>().parse().unwrap_or_default();
        User {
            id: new.id,
            email: Some(new.email.clone()),
            display_name: new.display_name.unwrap_or_else(named_by_email),
            emails: vec![UserEmail { email: new.email, verified_at: at, primary: true }],
            given_name: new.given_name,
            family_name: new.family_name,
            phone_number: None,
            avatar_url: new.avatar_url,
            job_title: None,
            speciality: None,
            skills: Skills::default(),
            timezone: Timezone::default(),
            language: new.language.unwrap_or_default(),
            default_organization_id: None,
            status: UserStatus::Active,
            deactivated_by: None,
            deactivation_reason: None,
            deletes_at: None,
            external_id: None,
            version: 1,
            created_at: at,
            created_by: by.clone(),
            updated_at: at,
            updated_by: by,
        }
    }

    /// After the patch; equal to this one if nothing changes.
    ///
    /// # Errors
    /// `email_not_mine`.
    pub fn patched(&self, patch: UserPatch) -> Result<User> {
        let mut next = self.clone();
        if let Change::Set(email) = patch.email {
            next.choose(&email)?;
        }
        patch.display_name.apply_to(&mut next.display_name);
        patch.given_name.apply_to_option(&mut next.given_name);
        patch.family_name.apply_to_option(&mut next.family_name);
        patch.phone_number.apply_to_option(&mut next.phone_number);
        patch.avatar_url.apply_to_option(&mut next.avatar_url);
        patch.job_title.apply_to_option(&mut next.job_title);
        patch.speciality.apply_to_option(&mut next.speciality);
        patch.skills.apply_or_default(&mut next.skills);
        patch.timezone.apply_or_default(&mut next.timezone);
        patch.language.apply_or_default(&mut next.language);
        patch.default_organization_id.apply_to_option(&mut next.default_organization_id);
        Ok(next)
    }

    fn choose(&mut self, email: &Email) -> Result<()> {
        if !self.holds(email) {
            let detail = "choose one of the addresses you sign in with";
            return Err(Error::new(codes::EMAIL_NOT_MINE, detail));
        }
        for mine in &mut self.emails {
            mine.primary = mine.email == *email;
        }
        self.email = Some(email.clone());
        Ok(())
    }

    /// True if it is one of the user's verified addresses.
    pub fn holds(&self, email: &Email) -> bool {
        self.emails.iter().any(|mine| mine.email == *email)
    }

    /// With one more verified address; the same user if it is one of them already.
    ///
    /// # Errors
    /// `email_limit_reached`.
    pub fn with_email(&self, email: &Email, at: Timestamp) -> Result<User> {
        let mut next = self.clone();
        if next.holds(email) {
            return Ok(next);
        }
        if next.emails.len() >= MAX_EMAILS {
            let detail = "take an address off the account first";
            return Err(Error::new(codes::EMAIL_LIMIT_REACHED, detail).with("limit", MAX_EMAILS));
        }
        let primary = next.emails.is_empty();
        next.emails.push(UserEmail { email: email.clone(), verified_at: at, primary });
        if primary {
            next.email = Some(email.clone());
        }
        Ok(next)
    }

    /// Without an address; if it was the primary one, the oldest of the others takes over.
    #[must_use]
    pub fn without_email(&self, email: &Email) -> User {
        let mut next = self.clone();
        next.emails.retain(|mine| mine.email != *email);
        if !next.emails.iter().any(|mine| mine.primary)
            && let Some(oldest) = next.emails.iter_mut().min_by_key(|mine| mine.verified_at)
        {
            oldest.primary = true;
        }
        let primary = next.emails.iter().find(|mine| mine.primary);
        next.email = primary.map(|mine| mine.email.clone());
        next
    }

    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> User {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }

    /// The fields in which another version differs, by their names in JSON.
    pub fn fields_changed(&self, other: &User) -> Vec<&'static str> {
        macro_rules! differing {
            ($($field:ident $name:literal),+ $(,)?) => {
                [$((self.$field != other.$field, $name)),+]
            };
        }
        differing!(
            email "email", emails "emails", display_name "displayName", given_name "givenName",
            family_name "familyName", phone_number "phoneNumber", avatar_url "avatarUrl",
            job_title "jobTitle", speciality "speciality", skills "skills", timezone "timezone",
            language "language", default_organization_id "defaultOrganizationId", status "status",
            deactivated_by "deactivatedBy", deactivation_reason "deactivationReason",
            deletes_at "deletesAt",
        )
        .into_iter()
        .filter_map(|(differs, field)| differs.then_some(field))
        .collect()
    }

    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active
    }

    pub fn card(&self) -> UserCard {
        UserCard {
            id: self.id,
            display_name: self.display_name.clone(),
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            email: self.email.clone(),
            avatar_url: self.avatar_url.clone(),
            job_title: self.job_title.clone(),
            speciality: self.speciality.clone(),
            skills: self.skills.clone(),
            timezone: self.timezone.clone(),
            status: self.status,
        }
    }

    /// What tokens need of the user, at an access version.
    pub fn facts(&self, access_version: u64) -> UserFacts {
        UserFacts {
            user_id: self.id,
            status: self.status,
            deactivated_by: self.deactivated_by,
            access_version,
            default_organization_id: self.default_organization_id,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn ada() -> User {
        let new = NewUser {
            id: UserId::derived(Timestamp::UNIX_EPOCH, &[7; 10]),
            email: "ada@example.com".parse().expect("an address"),
            display_name: None,
            given_name: None,
            family_name: None,
            avatar_url: None,
            language: None,
        };
        User::new(new, Stamp { at: Timestamp::UNIX_EPOCH, by: "auth".to_owned() })
    }

    fn email(text: &str) -> Email {
        text.parse().expect("an address")
    }

    #[test]
    fn the_primary_address_is_one_of_the_list() {
        let ada = ada();
        assert_eq!(ada.display_name.as_str(), "ada@example.com");
        let patch = |text| UserPatch { email: Change::Set(email(text)), ..UserPatch::default() };
        assert!(ada.patched(patch("other@example.com")).is_err());
        let later = Timestamp::from_millisecond(5);
        let two = ada.with_email(&email("work@example.com"), later).expect("room");
        assert_eq!(two.email, ada.email, "the old primary stays");
        let chosen = two.patched(patch("work@example.com")).expect("mine");
        assert_eq!(chosen.emails.len(), 2);
        assert_eq!(two.fields_changed(&chosen), ["email", "emails"]);
        let back = chosen.without_email(&email("work@example.com"));
        assert_eq!(back.email, ada.email, "the oldest takes over");
    }

    #[test]
    fn five_addresses_are_enough() {
        let mut user = ada();
        for n in 1..MAX_EMAILS {
            user = user
                .with_email(&email(&format!("a{n}@example.com")), Timestamp::UNIX_EPOCH)
                .expect("room");
        }
        let sixth = user.with_email(&email("sixth@example.com"), Timestamp::UNIX_EPOCH);
        assert!(sixth.expect_err("full").is(codes::EMAIL_LIMIT_REACHED));
        assert!(user.with_email(&email("a1@example.com"), Timestamp::UNIX_EPOCH).is_ok());
    }
}
