//! Changing the data key.

use axum::extract::State;
use millwright_core::{Error, Result};
use millwright_http::{Accepted, Allowed, Answered, Asking, Empty, Recent, Submission};
use millwright_store::Contention;

use crate::{
    app::SecretManagement,
    authority::Asker,
    crypto::Purpose,
    job::{handlers::Job, start_rekey},
    permissions::KeyManage,
    store::DataKeyItem,
    work::renew,
};

/// Change the data key
///
/// Values are sealed by another key at once; a job seals anew what is there. The old key is
/// destroyed by the sweep when nothing is under it, at the earliest 15 minutes later. One at a time.
/// One read, one call to the key service and one transaction of at most nine items; two calls more if
/// the key is not in memory.
#[utoipa::path(post, path = "/api/v1/secrets/data-keys/rotate", tag = "Settings")]
pub async fn data_key_rotate(
    caller: Recent<Allowed<KeyManage>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    submission: Submission<Empty>,
) -> Answered<Accepted<Job>> {
    let asker = Asker::allowed(&app, &caller, &asking);
    let tenant = caller.tenant();
    let attempt = || async {
        let active = app.keys.active(&tenant, Purpose::Encrypt).await?.id;
        let place = DataKeyItem::place(&tenant, Purpose::Encrypt, active);
        let old: Option<DataKeyItem> = app.store.get(&place).await?;
        let old = old.ok_or_else(|| Error::internal("the active data key is not there"))?;
        let mut write = submission.write(&app.store, &caller);
        renew(&app, &mut write, &old).await?;
        let job = start_rekey(&mut write, old.key.id, caller.actor())?;
        write.put(&asker.record("data_key_rotate", None));
        let outcome: Result<_> = write.commit(Accepted(Job::of(job))).await;
        // Also if somebody else was faster: then theirs is in force.
        app.keys.forget_active(&tenant);
        outcome
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
