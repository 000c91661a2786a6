//! GET /auth/login-history

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Timestamp};
use millwright_http::{Answered, Listed, Listing, SignedIn};
use utoipa::IntoParams;

use crate::{
    app::Auth,
    domain::{LoginOutcome, LoginRecord, Purpose},
    store::login_records_of,
};

/// Which records.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct LoginRecordFilters {
    #[deserr(default)]
    #[param(required = false, inline)]
    outcome: Option<LoginOutcome>,
    #[deserr(default)]
    #[param(required = false, inline)]
    purpose: Option<Purpose>,
    #[deserr(default)]
    #[param(required = false, value_type = Option<String>)]
    occurred_after: Option<Timestamp>,
    #[deserr(default)]
    #[param(required = false, value_type = Option<String>)]
    occurred_before: Option<Timestamp>,
}

impl LoginRecordFilters {
    fn is_any(&self) -> bool {
        self.outcome.is_some()
            || self.purpose.is_some()
            || self.occurred_after.is_some()
            || self.occurred_before.is_some()
    }

    fn admit(&self, record: &LoginRecord) -> bool {
        self.outcome.is_none_or(|it| it == record.outcome)
            && self.purpose.is_none_or(|it| it == record.purpose)
            && self.occurred_after.is_none_or(|it| record.occurred_at > it)
            && self.occurred_before.is_none_or(|it| record.occurred_at < it)
    }
}

/// List own sign-ins
///
/// Of the last 90 days, newest first. One query.
#[utoipa::path(get, path = "/api/v1/auth/login-history", tag = "Sign-in")]
pub async fn login_record_list(
    caller: SignedIn,
    State(app): State<Auth>,
    listing: Listing<LoginRecordFilters>,
) -> Answered<Listed<LoginRecord>> {
    let query = login_records_of(&caller.tenant());
    let (filters, from) = (&listing.filters, listing.from.as_ref());
    let page = app.store.filtered_page(&query, listing.limit, from, filters.is_any(), |item| {
        let record: LoginRecord = item.decode()?;
        Ok(filters.admit(&record).then_some(record))
    });
    let page = page.await?;
    Ok(listing.page(page.items, page.next).await?)
}
