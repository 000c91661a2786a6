//! How members are answered.

use std::collections::BTreeMap;

use millwright_access::facts::RoleFacts;
use millwright_core::{Result, RoleId, Tenant};
use millwright_http::Representation;
use millwright_identity::SystemRole;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::UserManagement, domain::Member, store::RoleItem};

/// A membership with the card of the member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    #[serde(flatten)]
    member: Member,
    role_name: String,
}

impl Representation for MemberView {
    fn version(&self) -> u64 {
        self.member.version
    }

    fn location(&self) -> String {
        let Member { organization_id, user_id, .. } = &self.member;
        format!("/api/v1/organizations/{organization_id}/members/{user_id}")
    }

    /// By who may read members: not everybody who acts on one.
    fn can_be_read(&self) -> bool {
        false
    }
}

/// One member. For a custom role one GetItem.
pub async fn viewed(app: &UserManagement, tenant: &Tenant, member: Member) -> Result<MemberView> {
    let mut members = viewed_all(app, tenant, vec![member]).await?;
    let view = members.pop();
    view.ok_or_else(|| millwright_core::Error::internal("a member without a view"))
}

/// Several members. For custom roles one BatchGetItem.
pub async fn viewed_all(
    app: &UserManagement,
    tenant: &Tenant,
    members: Vec<Member>,
) -> Result<Vec<MemberView>> {
    let mut names: BTreeMap<RoleId, String> = BTreeMap::new();
    for member in members.iter().filter(|member| member.system_key.is_none()) {
        names.insert(member.role_id, String::new());
    }
    let places: Vec<_> = names.keys().map(|role| RoleFacts::place(tenant, *role)).collect();
    if !places.is_empty() {
        for item in app.store.get_many(&places).await? {
            let role: RoleItem = item.decode()?;
            names.insert(role.facts.role_id, role.name);
        }
    }
    let name = |member: &Member| match member.system_key {
        Some(SystemRole::Owner) => "Owner".to_owned(),
        Some(SystemRole::Admin) => "Admin".to_owned(),
        Some(SystemRole::Member) => "Member".to_owned(),
        Some(SystemRole::Viewer) => "Viewer".to_owned(),
        None => names.get(&member.role_id).cloned().unwrap_or_default(),
    };
    let view = |member| MemberView { role_name: name(&member), member };
    Ok(members.into_iter().map(view).collect())
}
