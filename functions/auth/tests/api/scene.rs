//! A service among doubles, people who sign in, organizations they belong to.

use std::{cell::RefCell, sync::Arc};

use auth::doubles::{APP, PROVIDER, Surroundings};
use axum::Router;
use http::Method;
use millwright_access::{
    RevocationFeed, StoredApiKeys,
    facts::{
        MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, UserFacts,
        UserMembership, UserStatus,
    },
};
use millwright_core::{Clock, Id, OrgId, Tenant, UserId, Voucher};
use millwright_http::Platform;
use millwright_identity::{ApiKeys, Revocations, SystemRole};
use millwright_store::Store;
use millwright_testkit::{
    Answer, Client, Contract, Database, Files, TestApp, beginning, signing_pem,
};
use serde_json::{Value, json};
use uuid::Uuid;

thread_local! {
    /// A router is made without arguments of its own: each test has a thread.
    static AROUND: RefCell<Option<Surroundings>> = const { RefCell::new(None) };
}

fn router(platform: Platform, store: Store, _files: Files) -> Router {
    let around = AROUND.with(|around| around.borrow().clone()).expect("a scene");
    auth::router(around.service(platform, store))
}

fn ports(database: &Database) -> (Arc<dyn Revocations>, Arc<dyn ApiKeys>) {
    let (store, clock) = (database.store(), database.clock.clone());
    let feed = Arc::new(RevocationFeed::new(vec![store.clone()], clock.clone()));
    let keys = StoredApiKeys::new(store.clone(), store, feed.clone(), clock);
    (feed, Arc::new(keys))
}

pub struct Scene {
    pub app: TestApp,
    pub around: Surroundings,
}

/// What a browser holds.
#[derive(Clone, Default, Debug)]
pub struct Browser {
    pub login: Option<String>,
    pub refresh: Option<String>,
}

impl Browser {
    pub fn cookies(&self) -> String {
        let named = [("mw_login", &self.login), ("mw_refresh", &self.refresh)];
        let held =
            named.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value).as_ref()?)));
        held.collect::<Vec<_>>().join("; ")
    }

    pub fn keep(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = Some(rest.split(';').next().unwrap().to_owned());
            match name {
                "mw_login" => self.login = value,
                "mw_refresh" => self.refresh = value.filter(|it| !it.is_empty()),
                _ => panic!("{name}"),
            }
        }
    }
}

/// The parameters of a redirect.
pub fn parameter(answer: &Answer, name: &str) -> String {
    let location = answer.header("location").unwrap_or_else(|| panic!("{answer:?}"));
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

pub async fn scene() -> Scene {
    scene_with(Clock::fixed(beginning()), |_| {}).await
}

pub async fn scene_with(clock: Clock, bend: impl FnOnce(&mut Surroundings)) -> Scene {
    let mut around = Surroundings::new(signing_pem(), &clock);
    bend(&mut around);
    AROUND.with(|held| *held.borrow_mut() = Some(around.clone()));
    let app = TestApp::start_with("auth", router, clock, ports).await;
    Scene { app, around }
}

impl Scene {
    /// Another function instance.
    pub fn instance(&self) -> Scene {
        Scene { app: self.app.instance(), around: self.around.clone() }
    }

    pub async fn get(&self, path: &str, browser: &Browser) -> Answer {
        let cookies = browser.cookies();
        let headers = [
            ("cookie", cookies.as_str()),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            ),
        ];
        self.app.stranger().send(Method::GET, path, &headers, "").await
    }

    /// Goes to the provider: the answer that sends there.
    pub async fn start(&self, browser: &mut Browser, more: &str) -> Answer {
        let started = self.get(&format!("/api/v1/auth/login?provider=test{more}"), browser).await;
        assert_eq!(started.status, 302, "{started:?}");
        browser.keep(&started);
        started
    }

    /// Comes back with a code.
    pub async fn back(&self, browser: &mut Browser, state: &str, code: &str) -> Answer {
        let path = format!("/api/v1/auth/callback?code={code}&state={state}");
        let answer = self.get(&path, browser).await;
        browser.keep(&answer);
        answer
    }

    /// Signs in as `subject`; the claims may be bent.
    pub async fn sign_in_as(
        &self,
        browser: &mut Browser,
        subject: &str,
        bend: impl FnOnce(&mut Value),
    ) -> Answer {
        let started = self.start(browser, "").await;
        let mut claims = self.around.provider.claims(subject, &parameter(&started, "nonce"));
        bend(&mut claims);
        let code = self.around.provider.code(&claims);
        self.back(browser, &parameter(&started, "state"), &code).await
    }

    /// A browser in which `subject` is signed in.
    pub async fn signed_in(&self, subject: &str) -> Browser {
        let mut browser = Browser::default();
        let answer = self.sign_in_as(&mut browser, subject, |_| {}).await;
        assert_eq!(answer.header("location"), Some(format!("{APP}/").as_str()), "{answer:?}");
        assert!(browser.refresh.is_some());
        browser
    }

    /// One use of the refresh cookie.
    pub async fn refresh_with(&self, cookie: &str, body: Value) -> Answer {
        let cookie = format!("mw_refresh={cookie}");
        let headers = [("cookie", cookie.as_str()), ("origin", APP)];
        self.app.stranger().post_with("/api/v1/auth/refresh", &headers, body).await
    }

    /// Refreshes, keeps the cookie, and gives what was answered.
    pub async fn refreshed(&self, browser: &mut Browser) -> Value {
        let cookie = browser.refresh.clone().unwrap();
        let answer = self.refresh_with(&cookie, json!({})).await;
        let view = answer.expect(200);
        browser.keep(&answer);
        view
    }

    /// A client with the access token of a browser.
    pub async fn client(&self, browser: &mut Browser) -> Client {
        let view = self.refreshed(browser).await;
        self.app.bearer(view["accessToken"].as_str().unwrap())
    }

    /// Items of a kind.
    pub async fn count(&self, kind: &str) -> usize {
        self.app.database.items().await.iter().filter(|item| item.kind() == kind).count()
    }

    /// The data of the events of a type; all of them fit their schemas.
    pub async fn said(&self, kind: &str) -> Vec<Value> {
        let events = self.app.events().await;
        for event in &events {
            Contract::check_event(auth::events::EVENTS, event);
        }
        events.into_iter().filter(|event| event.kind == kind).map(|event| event.data).collect()
    }

    /// Makes a person a member of organization `number`.
    pub async fn join(&self, user: UserId, number: u128) -> OrgId {
        let id = organization(number);
        let store = self.app.database.store();
        let at = store.clock().now();
        let (tenant, person) =
            (Tenant::vouched(id, Voucher::Test), Tenant::person(user, Voucher::Test));
        let mut transaction = store.transaction(&tenant);
        transaction.put(&OrganizationFacts {
            organization_id: id,
            status: OrganizationStatus::Active,
            access_version: 2,
            personal_api_keys_allowed: true,
            api_key_max_lifetime_days: 365,
            session_max_age_seconds: None,
            reauth_after: None,
        });
        transaction.put(&MembershipFacts {
            user_id: user,
            role_id: Id::from_uuid(Uuid::from_u128(7)),
            system_role: Some(SystemRole::Member),
            status: MembershipStatus::Active,
            access_version: 3,
            reauth_after: None,
        });
        transaction.within(&person, |t| {
            t.put(&UserFacts {
                user_id: user,
                status: UserStatus::Active,
                deactivated_by: None,
                access_version: 1,
                default_organization_id: None,
            });
            t.put(&UserMembership {
                organization_id: id,
                status: MembershipStatus::Active,
                joined_at: at,
            })
        });
        transaction.commit().await.unwrap();
        id
    }

    /// Somebody of organization `number` with that role, signed in a moment ago.
    pub async fn member(&self, number: u128, role: SystemRole) -> Client {
        let member = self.app.client(number, role.as_str());
        self.join(member.user, number).await;
        let user = member.user;
        self.change_member(user, organization(number), |it| it.system_role = Some(role)).await;
        member
    }

    /// Changes the facts of an organization.
    pub async fn change_organization(
        &self,
        id: OrgId,
        change: impl FnOnce(&mut OrganizationFacts),
    ) {
        let store = self.app.database.store();
        let tenant = Tenant::vouched(id, Voucher::Test);
        let place = OrganizationFacts::place(&tenant);
        let mut facts: OrganizationFacts = store.get(&place).await.unwrap().unwrap();
        change(&mut facts);
        let mut transaction = store.transaction(&tenant);
        transaction.put(&facts);
        transaction.commit().await.unwrap();
    }

    /// Changes the facts of a membership.
    pub async fn change_member(
        &self,
        user: UserId,
        id: OrgId,
        change: impl FnOnce(&mut MembershipFacts),
    ) {
        let store = self.app.database.store();
        let tenant = Tenant::vouched(id, Voucher::Test);
        let place = MembershipFacts::place(&tenant, user);
        let mut facts: MembershipFacts = store.get(&place).await.unwrap().unwrap();
        change(&mut facts);
        let mut transaction = store.transaction(&tenant);
        transaction.put(&facts);
        transaction.commit().await.unwrap();
    }

    /// Changes a fact of a membership.
    pub async fn suspend(&self, user: UserId, organization: OrgId) {
        let store = self.app.database.store();
        let tenant = Tenant::vouched(organization, Voucher::Test);
        let place = MembershipFacts::place(&tenant, user);
        let mut facts: MembershipFacts = store.get(&place).await.unwrap().unwrap();
        facts.status = MembershipStatus::Suspended;
        facts.access_version += 1;
        let mut transaction = store.transaction(&tenant);
        transaction.put(&facts);
        let subject = millwright_access::feed::Subject::Membership(organization, user);
        millwright_access::feed::outdate(&mut transaction, subject, facts.access_version);
        transaction.commit().await.unwrap();
    }
}

pub fn organization(number: u128) -> OrgId {
    Id::from_uuid(Uuid::from_u128(number))
}

/// The claims of an access token, unverified.
pub fn claims_of(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub fn user_of(view: &Value) -> UserId {
    view["session"]["userId"].as_str().unwrap().parse().unwrap()
}

pub fn error_of(answer: &Answer) -> String {
    let location = answer.header("location").unwrap_or_default();
    assert!(location.starts_with(&format!("{APP}/sign-in?error=")), "{location}");
    assert!(!location.contains(PROVIDER));
    parameter(answer, "error")
}
