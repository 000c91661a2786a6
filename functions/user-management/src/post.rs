//! Letters to people: a port with two adapters, none and SES.

use millwright_access::facts::RoleFacts;
use millwright_aws::{Letter, Mail};
use millwright_core::{Error, Result, Tenant};
use millwright_store::{Condition, RawItem, Store};

use crate::{
    app_url::AppUrl,
    domain::{Invitation, InvitationType, MailStatus, Organization},
    invitation::Token,
    store::{InvitationItem, MemberItem, RoleItem, member_place, organization_place},
};

/// How letters reach people, and where their links lead. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    pub app_url: AppUrl,
    /// None: the installation sends no letters.
    pub mail: Option<Mail>,
}

impl Post {
    /// What an invitation says of its letter until that is known to have gone out.
    pub fn before(&self, kind: InvitationType) -> MailStatus {
        match (&self.mail, kind) {
            (Some(_), InvitationType::Email) => MailStatus::Failed,
            _ => MailStatus::NotConfigured,
        }
    }

    /// Sends the letter of an invitation that was just committed, once; whatever happens to it
    /// changes nothing else. What became of it. Without mail nothing; else one BatchGetItem, the
    /// letter, and one PutItem once it went out.
    pub async fn invite(
        &self,
        store: &Store,
        tenant: &Tenant,
        invitation: &Invitation,
        token: &Token,
    ) -> MailStatus {
        let before = self.before(invitation.kind);
        let (Some(mail), MailStatus::Failed) = (&self.mail, before) else { return before };
        let sent = async {
            let letter = self.letter(store, tenant, invitation, token).await?;
            mail.send(&letter).await
        };
        if let Err(error) = sent.await {
            tracing::warn!(invitation = %invitation.id, %error, "a letter did not go out");
            return MailStatus::Failed;
        }
        let mail_status = MailStatus::Sent;
        let told = Invitation { mail_status, ..invitation.clone() };
        let item = InvitationItem::of(&told, &token.hash());
        // Whoever has changed it since says what there is to say.
        let unchanged = Condition::version(item.version).equals("tokenHash", &item.token_hash);
        if let Err(error) = store.put_when(tenant, &item, &unchanged).await {
            tracing::warn!(invitation = %invitation.id, %error, "a letter went out untold");
        }
        mail_status
    }

    async fn letter(
        &self,
        store: &Store,
        tenant: &Tenant,
        invitation: &Invitation,
        token: &Token,
    ) -> Result<Letter> {
        let to = invitation.email.as_ref().ok_or_else(|| Error::internal("a letter to nobody"))?;
        let mut places =
            vec![organization_place(tenant), RoleFacts::place(tenant, invitation.role_id)];
        if let Ok(inviter) = invitation.created_by.parse() {
            places.push(member_place(tenant, inviter));
        }
        let items = store.get_many(&places).await?;
        let organization: Option<Organization> = find(&items)?;
        let organization = organization.ok_or_else(|| Error::not_found("organization"))?;
        let role: Option<RoleItem> = find(&items)?;
        let inviter: Option<MemberItem> = find(&items)?;
        let inviter = inviter.map(|item| item.member.user.display_name.to_string());
        let (name, url) = (organization.name.as_str(), self.app_url.get().await?);
        let role = role.map(|role| format!(" as {}", role.name)).unwrap_or_default();
        let mut text = match inviter {
            Some(inviter) => format!("{inviter} invites you to join {name}{role}.\n"),
            None => format!("You are invited to join {name}{role}.\n"),
        };
        if let Some(message) = &invitation.message {
            text.push_str(&format!("\n{}\n", message.as_str()));
        }
        let (link, until) = (token.accept_url(url), invitation.expires_at);
        text.push_str(&format!("\nTo accept, follow this link until {until}:\n\n{link}\n"));
        text.push_str("\nIf you do not know why you are invited, ignore this letter.\n");
        let subject = format!("You are invited to join {name}");
        Ok(Letter { to: to.to_string(), subject, text })
    }
}

fn find<I: millwright_store::Item>(items: &[RawItem]) -> Result<Option<I>> {
    items.iter().find(|item| item.is::<I>()).map(RawItem::decode).transpose()
}
