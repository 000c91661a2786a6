//! auth under guard.

use std::{collections::BTreeMap, sync::Arc};

use auth::doubles::{APP, Surroundings, furnish, furnished_session};
use futures::future::BoxFuture;
use millwright_testkit::{Client, Contract, TestApp, signing_pem};
use serde_json::{Value, json};

use crate::{
    MINE,
    fixture::{By, Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = auth::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, _files| {
            let around = Surroundings::new(signing_pem(), store.clock());
            auth::router(around.service(platform, store))
        },
        contract,
        calls,
        further: &[],
        owner,
        skipping_unknown: &["login_start", "login_finish", "authorization_start"],
        said_elsewhere: &[
            "auth.api_key.expiring",
            "auth.identity.linked",
            "auth.login.failed",
            "auth.login.succeeded",
            "auth.refresh_token.reused",
            "auth.session.created",
        ],
    }
}

/// An owner who has signed in with a browser.
fn owner(app: &TestApp) -> Client {
    let (user, organization) = (app.client(MINE, "owner").user, organization(app));
    app.client_of(user, Some(organization), |claims| {
        claims.role = Some("owner".to_owned());
        claims.client_id = "web".to_owned();
        claims.sid = Some(furnished_session().to_string());
    })
}

fn organization(app: &TestApp) -> millwright_core::OrgId {
    app.client(MINE, "owner").tenant().organization().unwrap()
}

/// A key of the caller, and its path.
async fn key(owner: &Client, kind: &str) -> String {
    let body = json!({ "name": "T", "scopes": ["auth.api_key.read"] });
    let made = owner.post(&format!("/api/v1/auth/{kind}"), body).await.expect(201);
    format!("/api/v1/auth/{kind}/{}", made["id"].as_str().unwrap())
}

/// One call for each operation, which succeeds for an owner. Names differ from those of the
/// examples in the document, which run in the same scene.
fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = owner(&app);
        let at = |path: &str| format!("/api/v1/auth/{path}");
        let furnished = furnish(&app.database.store(), owner.user, organization(&app)).await;
        let session = at(&format!("sessions/{}", furnished.other_session));
        let identity = at(&format!("identities/{}", furnished.identities[0]));
        let (personal, service) =
            (key(&owner, "api-keys").await, key(&owner, "service-keys").await);
        let member = personal.replace("api-keys", "member-keys");
        let new_key: Value = json!({ "name": "N", "scopes": ["auth.api_key.read"] });
        let renamed: Value = json!({ "name": "X" });
        let of_page = |call: Call| {
            call.with("cookie", &format!("mw_refresh={}", furnished.cookie)).with("origin", APP)
        };
        let authorize = "authorize?response_type=code&client_id=cli&state=s\
                         &redirect_uri=http://127.0.0.1:1/callback&code_challenge_method=S256\
                         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let native = &furnished.native;
        let grant = format!("grant_type=refresh_token&client_id=cli&refresh_token={native}");
        let again = json!({ "purpose": "link", "provider": "test", "returnTo": "/" });
        BTreeMap::from([
            ("health_get", Call::get(&at("health"))),
            ("readiness_get", Call::get(&at("ready"))),
            ("discovery_get", Call::get("/api/v1/.well-known/openid-configuration")),
            ("jwks_get", Call::get("/api/v1/.well-known/jwks.json")),
            ("principal_get", Call::get(&at("me"))),
            ("provider_list", Call::get(&at("providers"))),
            ("login_start", Call::get(&at("login?provider=test"))),
            ("login_finish", Call::get(&at("callback?state=x"))),
            ("login_create", Call::post(&at("logins"), again)),
            ("authorization_start", Call::get(&at(authorize))),
            ("token_create", Call::form(&at("token"), &grant)),
            ("token_revoke", Call::form(&at("revoke"), &format!("token={native}"))),
            ("session_refresh", of_page(Call::post(&at("refresh"), json!({ "operator": false })))),
            ("session_end", of_page(Call::post(&at("logout"), json!({})))),
            ("session_list", Call::get(&at("sessions"))),
            ("session_get", Call::get(&session).refers()),
            ("session_update", Call::patch(&session, json!({ "deviceName": "X" })).refers()),
            ("session_revoke", Call::delete(&session).refers()),
            ("session_revoke_others", Call::post(&at("sessions/revoke-others"), json!({}))),
            (
                "session_revoke_all",
                Call::post(&at("sessions/revoke-all"), json!({ "includeApiKeys": false })),
            ),
            (
                "user_session_revoke_all",
                Call::post(
                    &at(&format!("users/{}/revoke-sessions", owner.user)),
                    json!({ "includeApiKeys": false }),
                ),
            ),
            (
                "session_switch",
                Call::post(
                    &at("sessions/current/switch-organization"),
                    json!({ "organizationId": null }),
                ),
            ),
            (
                "user_data_export",
                Call::get(&at(&format!("users/{}/data", owner.user)))
                    .by(By::Service("user-management")),
            ),
            ("identity_list", Call::get(&at("identities"))),
            ("identity_unlink", Call::delete(&identity).refers()),
            ("login_record_list", Call::get(&at("login-history"))),
            ("api_key_create", Call::post(&at("api-keys"), new_key.clone())),
            ("api_key_list", Call::get(&at("api-keys"))),
            ("api_key_get", Call::get(&personal).refers()),
            ("api_key_update", Call::patch(&personal, renamed.clone()).refers()),
            (
                "api_key_rotate",
                Call::post(&format!("{personal}/rotate"), json!({ "overlapSeconds": 1 })).refers(),
            ),
            ("api_key_revoke", Call::delete(&personal).refers()),
            ("member_key_list", Call::get(&at("member-keys"))),
            ("member_key_revoke", Call::delete(&member).refers()),
            ("service_key_create", Call::post(&at("service-keys"), new_key)),
            ("service_key_list", Call::get(&at("service-keys"))),
            ("service_key_get", Call::get(&service).refers()),
            ("service_key_update", Call::patch(&service, renamed).refers()),
            (
                "service_key_rotate",
                Call::post(&format!("{service}/rotate"), json!({ "overlapSeconds": 1 })).refers(),
            ),
            ("service_key_revoke", Call::delete(&service).refers()),
        ])
    })
}
