//! user-management over its router, DynamoDB in memory. Modules mirror URLs; races are beside what
//! they are about.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod bad_input;
mod consistency;
mod costs;
mod costs_units;
mod exactly_once;
mod exports;
mod exports_auth;
mod exports_crashes;
mod invitations;
mod invitations_batches;
mod invitations_exactly;
mod invitations_mail;
mod invitations_tables;
mod isolation;
mod members;
mod members_owners;
mod operators;
mod organizations;
mod organizations_deletion;
mod preferences;
mod problems;
mod roles;
mod settings;
mod teams;
mod teams_members;
mod users;
mod users_leaving;
mod work;

use axum::Router;
use millwright_access::feed::FeedItem;
use millwright_core::{Clock, OrgId, UserId};
use millwright_http::Platform;
use millwright_identity::SystemRole;
use millwright_store::Store;
use millwright_testkit::{Answer, Client, Files, TestApp, TestMail};
use serde_json::{Value, json};
use user_management::{
    Ports, Post, UserManagement, permissions,
    seed::{self, Seed},
};
use uuid::Uuid;

const ORGANIZATIONS: &str = "/api/v1/organizations";

fn router(platform: Platform, store: Store, files: Files) -> Router {
    let ports = Ports { files, catalogue: permissions::CATALOGUE, post: post(None) };
    user_management::router(UserManagement::new(platform, store, ports))
}

/// Where links lead, and by whom letters go.
fn post(mail: Option<&TestMail>) -> Post {
    Post { app_url: "https://app.example.org".into(), mail: mail.map(TestMail::client) }
}

async fn app() -> TestApp {
    TestApp::start("user-management", router).await
}

/// As many instances as asked for, each with a tenth of its transactions conflicting. Waits are
/// real here, so the clock runs.
async fn crowd(instances: u64) -> (TestApp, Vec<TestApp>) {
    let app = TestApp::start_at("user-management", router, Clock::system()).await;
    let instances = (0..instances)
        .map(|seed| {
            let instance = app.instance();
            instance.faults().conflict(seed, 0.1);
            instance
        })
        .collect();
    (app, instances)
}

/// A 503 says that nothing happened: the client asks again, as told.
async fn persistent(call: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = call().await;
        if answer.status != 503 {
            return answer;
        }
    }
}

fn user_id(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

/// User number so and so, who has an account: `user<number>@example.com`.
async fn user(app: &TestApp, number: u128) -> Client {
    let body = json!({
        "userId": user_id(number), "email": format!("user{number}@example.com"),
        "displayName": format!("User {number}"),
    });
    app.service("auth", None).post("/api/v1/users/provision", body).await.expect(201);
    app.person(number)
}

/// An organization, and a token of its founder for it.
struct Home {
    id: OrgId,
    path: String,
    founder: Client,
    roles: Value,
}

impl Home {
    /// Founded by user 1.
    async fn found(app: &TestApp) -> Home {
        let person = user(app, 1).await;
        Home::founded_by(app, &person, "Acme").await
    }

    async fn founded_by(app: &TestApp, person: &Client, name: &str) -> Home {
        let founded = person.post(ORGANIZATIONS, json!({ "name": name })).await.expect(201);
        let id: OrgId = founded["id"].as_str().unwrap().parse().unwrap();
        let founder = token(app, id, person.user, "owner");
        let path = format!("{ORGANIZATIONS}/{id}");
        Home { id, path, founder, roles: founded["systemRoleIds"].clone() }
    }

    /// User number so and so, with an account and a token of this role.
    async fn member(&self, app: &TestApp, number: u128, role: &str) -> Client {
        let seed = Seed {
            user: user_id(number),
            email: format!("user{number}@example.com").parse().unwrap(),
            name: format!("User {number}").parse().unwrap(),
        };
        let system: SystemRole = role.parse().unwrap();
        seed::member(&app.database.store(), self.id, system, seed).await.unwrap();
        token(app, self.id, user_id(number), role)
    }

    /// Somebody who has an account, and has left, is a member again.
    async fn rejoin(&self, app: &TestApp, number: u128, role: &str) {
        let system: SystemRole = role.parse().unwrap();
        let store = app.database.store();
        seed::rejoin(&store, self.id, system, user_id(number)).await.unwrap();
    }

    /// An operator says how many members there may be.
    async fn limit_members(&self, app: &TestApp, limit: u32) {
        let body = json!({ "memberLimit": limit });
        app.operator().patch(&self.at("/limits"), body).await.expect(200);
    }

    /// The path of a member.
    fn member_path(&self, number: u128) -> String {
        self.at(&format!("/members/{}", user_id(number)))
    }

    fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }
}

/// A token of a user for an organization.
fn token(app: &TestApp, organization: OrgId, user: UserId, role: &str) -> Client {
    app.client_of(user, Some(organization), |claims| claims.role = Some(role.to_owned()))
}

/// The data of the events of a type, in order.
async fn said(app: &TestApp, kind: &str) -> Vec<Value> {
    let events = app.events().await.into_iter().filter(|event| event.kind == kind);
    events.map(|event| event.data).collect()
}

/// Whose rights were withdrawn, by the feed.
async fn revoked(app: &TestApp) -> Vec<String> {
    let items = app.database.items().await;
    let feed = items.iter().filter(|item| item.is::<FeedItem>());
    feed.map(|item| item.decode::<FeedItem>().unwrap().subject).collect()
}
