//! What cannot be counted is told.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::Condition;

use super::{
    Ingest,
    message::Incoming,
    prepare::{Prepared, Refused},
};
use crate::{
    codes,
    store::{Rejection, RejectionItem},
};

fn cut(text: &str) -> String {
    text.chars().take(500).collect()
}

impl Ingest {
    /// One PutItem.
    pub(super) async fn reject(
        &self,
        tenant: &Tenant,
        incoming: &Incoming,
        refused: Refused,
    ) -> Result<()> {
        let rejection = Rejection {
            code: refused.code.name.to_owned(),
            detail: refused.detail,
            event_id: cut(&incoming.event.id),
            source: cut(&incoming.event.source),
            event_type: cut(&incoming.event.kind),
            received_at: incoming.received_at,
        };
        self.keep(tenant, rejection, &incoming.mark).await
    }

    pub(super) async fn reject_duplicate(&self, tenant: &Tenant, event: &Prepared) -> Result<()> {
        let detail = "another event with this source and id was counted before";
        let rejection = of_prepared(event, codes::DUPLICATE_DIFFERS.name, detail);
        self.keep(tenant, rejection, &event.mark).await
    }

    pub(super) async fn reject_prepared(
        &self,
        tenant: &Tenant,
        event: &Prepared,
        error: &Error,
    ) -> Result<()> {
        tracing::error!(event = %event.item.summary.id, %error, "event not counted");
        let rejection = of_prepared(event, error.code().name, "it cannot be counted");
        self.keep(tenant, rejection, &event.mark).await
    }

    async fn keep(&self, tenant: &Tenant, rejection: Rejection, mark: &str) -> Result<()> {
        let item = RejectionItem { rejection, mark: mark.to_owned() };
        self.usage.store.put_when(tenant, &item, &Condition::default()).await.map(drop)
    }
}

fn of_prepared(event: &Prepared, code: &str, detail: &str) -> Rejection {
    let summary = &event.item.summary;
    let received_at: Timestamp = summary.received_at;
    Rejection {
        code: code.to_owned(),
        detail: detail.to_owned(),
        event_id: cut(&summary.event_id),
        source: cut(&summary.source),
        event_type: cut(&summary.event_type),
        received_at,
    }
}
