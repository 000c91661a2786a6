//! /users/me/data-exports, /organizations/{organizationId}/data-exports

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use millwright_core::{Error, Result, UserId};
use millwright_store::Store;
use millwright_testkit::{Client, CrashPoint, Database, JobQueue, TestApp};
use serde_json::{Value, json};
use user_management::{
    AuthData, AuthPage, Exporting, permissions,
    work::{Desk, JOBS},
};

use crate::{
    Home, app, crowd,
    invitations::{ACCEPT, PATH, invite, token_of},
    persistent, said, token, user, user_id,
};

pub const MINE: &str = "/api/v1/users/me/data-exports";

/// auth keeps nothing of anybody.
pub struct Nothing;

impl AuthData for Nothing {
    fn page<'a>(
        &'a self,
        _user: UserId,
        _cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<AuthPage>> {
        Box::pin(async { Ok(AuthPage { items: Vec::new(), next_cursor: None }) })
    }
}

/// auth keeps two things of everybody, on a page each. It fails so often before it answers.
#[derive(Default)]
pub struct Auth {
    pub failures: usize,
    pub calls: AtomicUsize,
}

impl AuthData for Auth {
    fn page<'a>(
        &'a self,
        user: UserId,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<AuthPage>> {
        Box::pin(async move {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            // The first page comes, and then nothing for a while.
            if (1..=self.failures).contains(&call) {
                return Err(Error::unavailable("auth is away"));
            }
            let thing = |kind: &str| json!({ "kind": kind, "userId": user.to_string() });
            Ok(match cursor {
                None => AuthPage {
                    items: vec![thing("identity")],
                    next_cursor: Some("second".to_owned()),
                },
                Some("second") => AuthPage { items: vec![thing("session")], next_cursor: None },
                Some(other) => panic!("{other} is no cursor of ours"),
            })
        })
    }
}

pub fn desk(app: &TestApp, store: Store, auth: Arc<dyn AuthData>) -> Desk {
    let (catalogue, files) = (permissions::CATALOGUE, app.files.client());
    let exporting = Exporting { store: store.clone(), files, catalogue, auth };
    Desk::new(store, exporting, crate::post(None))
}

/// Works the queue off, each message so often; a worker dies where `crash` says.
pub async fn work_off(
    app: &TestApp,
    auth: &Arc<Auth>,
    copies: usize,
    crash: impl Fn(usize) -> Option<CrashPoint>,
) {
    let mut queue = JobQueue::of(&app.database, JOBS, copies);
    let work = async |process: Database, message| {
        desk(app, process.store(), auth.clone()).work(&message).await
    };
    queue.drain(work, crash).await;
    assert!(queue.dead.is_empty(), "{:?}", queue.dead);
}

/// The files of an archive.
pub async fn download(app: &TestApp, export: &Value) -> BTreeMap<String, Value> {
    let url = export["downloadUrl"].as_str().unwrap_or_else(|| panic!("no link: {export}"));
    let (status, bytes) = app.files.send("GET", url, std::iter::empty(), b"").await;
    assert_eq!(status, 200);
    assert_eq!(export["sizeBytes"], bytes.len());
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(name, serde_json::from_str(&text).unwrap());
    }
    files
}

pub fn path_of(folder: &str, export: &Value) -> String {
    format!("{folder}/{}", export["id"].as_str().unwrap())
}

/// A person with something of everything.
pub async fn furnished(app: &TestApp) -> (Home, Client) {
    let home = Home::found(app).await;
    let person = home.founder.clone();
    let me = app.person(1);
    let profile = json!({
        "givenName": "Ada", "familyName": "Lovelace", "phoneNumber": "+4930123456",
        "avatarUrl": "https://example.com/a.png", "jobTitle": "Analyst", "speciality": "Engines",
        "skills": ["mathematics"], "timezone": "Europe/London", "language": "de",
        "defaultOrganizationId": home.id,
    });
    me.patch("/api/v1/users/me", profile).await.expect(200);
    let preferences = json!({
        "theme": "dark", "focusBlocks": [
            { "weekday": "monday", "start": "09:00", "end": "10:00", "label": "Think" },
        ], "notifications": { "planning.task": ["email"] }, "custom": { "web": { "a": 1 } },
    });
    me.patch("/api/v1/users/me/preferences", preferences).await.expect(200);
    let top = person.post("/api/v1/teams", json!({ "name": "Engines" })).await.expect(201);
    let member = format!("/api/v1/teams/{}/members", top["id"].as_str().unwrap());
    let row = json!({ "items": [{ "userId": user_id(1), "role": "lead" }] });
    person.post(&format!("{member}/batch"), row).await.expect(200);
    invite(&person, 7).await;
    // Somebody else's organization, from which an invitation came.
    let other = user(app, 2).await;
    let elsewhere = Home::founded_by(app, &other, "Elsewhere").await;
    let received = invite(&elsewhere.founder, 1).await;
    me.post(ACCEPT, token_of(&received)).await.expect(200);
    home.member(app, 3, "viewer").await;
    (home, me)
}

#[tokio::test]
async fn everything_that_is_a_persons_is_in_the_archive() {
    let app = app().await;
    let (home, me) = furnished(&app).await;
    let asked = me.post(MINE, json!({})).await;
    let export = asked.expect(202);
    assert_eq!(asked.header("location"), Some(path_of(MINE, &export).as_str()));
    let (status, scope) = (&export["status"], &export["scope"]);
    assert_eq!((status, scope), (&json!("queued"), &json!("user")));
    let pending = json!({ "auth": "pending", "user-management": "pending" });
    assert_eq!(export["parts"], pending);
    assert_eq!(export["downloadUrl"], Value::Null);
    let auth = Arc::new(Auth::default());
    work_off(&app, &auth, 1, |_| None).await;
    let me = app.person(1);
    let done = me.get(&path_of(MINE, &export)).await.expect(200);
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["parts"], json!({ "auth": "completed", "user-management": "completed" }));
    let files = download(&app, &done).await;
    let own = |name: &str| files[&format!("user-management/{name}.json")].clone();
    assert_eq!(own("profile"), me.get("/api/v1/users/me").await.expect(200));
    assert_eq!(own("preferences"), me.get("/api/v1/users/me/preferences").await.expect(200));
    // Of each membership everything but what the organization shows of others.
    let memberships = own("memberships");
    let names: Vec<&Value> =
        memberships.as_array().unwrap().iter().map(|it| &it["organizationName"]).collect();
    assert_eq!(names.len(), 2, "{memberships}");
    let of_home = memberships.as_array().unwrap().iter();
    let of_home = of_home.clone().find(|it| it["organizationId"] == json!(home.id)).unwrap();
    let member = home.founder.get(&home.member_path(1)).await.expect(200);
    for (name, value) in member.as_object().unwrap() {
        assert_eq!(&of_home[name], value, "{name}");
    }
    let teams = own("teams");
    assert_eq!((&teams[0]["teamName"], &teams[0]["role"]), (&json!("Engines"), &json!("lead")));
    let sent = own("invitations-sent");
    assert_eq!(sent.as_array().unwrap().len(), 1);
    let listed = home.founder.all(PATH, 100).await;
    assert_eq!(sent[0], listed[0]);
    let received = own("invitations-received");
    assert_eq!(received[0]["status"], "accepted");
    let kinds: Vec<&Value> =
        files["auth/data.json"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["identity", "session"]);
    let all = serde_json::to_string(&files.values().collect::<Vec<_>>()).unwrap();
    assert!(!all.contains("token"), "not even a hash");
    let completed = said(&app, "users.export.completed").await;
    assert_eq!(completed, [json!({ "exportId": export["id"], "userId": user_id(1) })]);
    let left: Vec<String> = app.files.all().into_keys().collect();
    assert_eq!(left.len(), 1, "the archive alone: {left:?}");
    let listed = me.all(MINE, 10).await;
    assert_eq!((listed.len(), &listed[0]["downloadUrl"]), (1, &Value::Null));
    for event in app.events().await {
        millwright_testkit::Contract::check_event(user_management::events::EVENTS, &event);
    }
    // Nobody else's: not even for those of the same organization.
    let path = path_of(MINE, &export);
    app.person(2).get(&path).await.expect_problem(404, "not_found");
    assert!(app.person(2).all(MINE, 10).await.is_empty());
    let foreign = path_of(&home.at("/data-exports"), &export);
    token(&app, home.id, user_id(1), "owner").get(&foreign).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn everything_that_is_an_organizations_is_in_the_archive() {
    let app = app().await;
    let (home, _) = furnished(&app).await;
    let folder = home.at("/data-exports");
    let owner = || token(&app, home.id, user_id(1), "owner");
    let role = json!({ "name": "Auditor", "permissions": ["users.user.read"] });
    owner().post(&home.at("/roles"), role).await.expect(201);
    owner().patch(&home.at("/settings"), json!({ "language": "de" })).await.expect(200);
    let export = owner().post(&folder, json!({})).await.expect(202);
    assert_eq!(export["parts"], json!({ "user-management": "pending" }));
    work_off(&app, &Arc::default(), 1, |_| None).await;
    let done = owner().get(&path_of(&folder, &export)).await.expect(200);
    let files = download(&app, &done).await;
    let own = |name: &str| files[&format!("user-management/{name}.json")].clone();
    let of_owner = owner();
    let read = async |rest: &str| of_owner.get(&home.at(rest)).await.expect(200);
    assert_eq!(own("organization"), read("").await);
    assert_eq!(own("settings"), read("/settings").await);
    assert_eq!(own("security-settings"), read("/security-settings").await);
    let by_id = |list: Vec<Value>, name: &str| -> BTreeMap<String, Value> {
        let id = |it: &Value| it[name].as_str().unwrap().to_owned();
        list.into_iter().map(|it| (id(&it), it)).collect()
    };
    let things = |name: &str| own(name).as_array().unwrap().clone();
    let roles = read("/roles").await["items"].as_array().unwrap().clone();
    assert_eq!(by_id(things("roles"), "id"), by_id(roles, "id"));
    let members = of_owner.all(&home.at("/members"), 100).await;
    let exported = by_id(things("members"), "userId");
    assert_eq!(exported.len(), members.len());
    for member in &members {
        let exported = &exported[member["userId"].as_str().unwrap()];
        assert_eq!(exported["user"], member["user"]);
        assert_eq!(exported["joinedAt"], member["joinedAt"]);
    }
    assert_eq!(things("teams")[0]["members"][0]["role"], "lead");
    assert_eq!(things("invitations"), of_owner.all(PATH, 100).await);
    let completed = said(&app, "organizations.export.completed").await;
    assert_eq!(completed, [json!({ "exportId": export["id"], "userId": user_id(1) })]);
    // Owners alone.
    let admin = token(&app, home.id, user_id(3), "admin");
    let path = path_of(&folder, &export);
    admin.get(&path).await.expect_problem(403, "forbidden");
    admin.post(&folder, json!({})).await.expect_problem(403, "forbidden");
    // Another organization's owner, with the one's ids and with its own.
    let stranger = Home::founded_by(&app, &user(&app, 9).await, "Strangers").await;
    stranger.founder.get(&path).await.expect_problem(404, "not_found");
    let own = path_of(&stranger.at("/data-exports"), &export);
    stranger.founder.get(&own).await.expect_problem(404, "not_found");
    assert!(stranger.founder.all(&stranger.at("/data-exports"), 10).await.is_empty());
}

/// More of everything than one page of the work takes.
#[tokio::test]
async fn what_takes_many_pages_is_whole() {
    let app = app().await;
    let home = Home::found(&app).await;
    for number in 0..60 {
        let body = json!({ "name": format!("Team {number}") });
        home.founder.post("/api/v1/teams", body).await.expect(201);
    }
    home.limit_members(&app, 1_000).await;
    for number in 10..620 {
        invite(&home.founder, number).await;
    }
    let folder = home.at("/data-exports");
    let export = home.founder.post(&folder, json!({})).await.expect(202);
    let mine = app.person(1).post(MINE, json!({})).await.expect(202);
    work_off(&app, &Arc::default(), 1, |_| None).await;
    let owner = token(&app, home.id, user_id(1), "owner");
    let done = owner.get(&path_of(&folder, &export)).await.expect(200);
    let files = download(&app, &done).await;
    let count = |files: &BTreeMap<String, Value>, name: &str, id: &str| {
        let things = files[&format!("user-management/{name}.json")].as_array().unwrap().clone();
        let ids: std::collections::BTreeSet<String> =
            things.iter().map(|it| it[id].as_str().unwrap().to_owned()).collect();
        (things.len(), ids.len())
    };
    assert_eq!(count(&files, "teams", "id"), (60, 60));
    assert_eq!(count(&files, "invitations", "id"), (610, 610));
    let done = app.person(1).get(&path_of(MINE, &mine)).await.expect(200);
    let files = download(&app, &done).await;
    assert_eq!(count(&files, "invitations-sent", "id"), (610, 610));
}

#[tokio::test]
async fn a_part_that_fails_five_times_is_marked_and_the_rest_is_there() {
    for (failures, status) in [(4, "completed"), (5, "failed")] {
        let app = app().await;
        let (_, me) = furnished(&app).await;
        let export = me.post(MINE, json!({})).await.expect(202);
        let auth = Arc::new(Auth { failures, ..Auth::default() });
        work_off(&app, &auth, 1, |_| None).await;
        let done = app.person(1).get(&path_of(MINE, &export)).await.expect(200);
        assert_eq!(done["status"], "completed", "{done}");
        assert_eq!(done["parts"], json!({ "auth": status, "user-management": "completed" }));
        let files = download(&app, &done).await;
        assert!(files.contains_key("user-management/profile.json"));
        let of_auth = files["auth/data.json"].as_array().unwrap().len();
        assert_eq!(of_auth, if failures == 4 { 2 } else { 1 }, "what there is");
        assert_eq!(auth.calls.load(Ordering::SeqCst), 6, "no try more");
        assert_eq!(said(&app, "users.export.completed").await.len(), 1);
    }
}

#[tokio::test]
async fn links_and_archives_do_not_live_for_ever() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let app = app().await;
    let (_, me) = furnished(&app).await;
    let export = me.post(MINE, json!({})).await.expect(202);
    work_off(&app, &Arc::default(), 1, |_| None).await;
    let path = path_of(MINE, &export);
    let done = app.person(1).get(&path).await.expect(200);
    // S3 itself refuses a link from then on; here it is what the link says.
    let url = done["downloadUrl"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=900&"), "{url}");
    let (status, _) =
        app.files.send("GET", &url.replace("=900&", "=86400&"), [].into_iter(), b"").await;
    assert_eq!(status, 403, "nobody makes it longer");
    let again = app.person(1).post(MINE, json!({})).await;
    let problem = again.expect_problem(409, "export_too_soon");
    let asked: millwright_core::Timestamp = export["createdAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(problem["nextAllowedAt"], asked.plus(DAY).to_string());
    assert!(again.header("retry-after").is_some());
    app.database.clock.advance(DAY);
    let second = app.person(1).post(MINE, json!({})).await.expect(202);
    app.database.clock.advance(6 * DAY);
    let late = app.person(1).get(&path).await.expect(200);
    assert_eq!((&late["status"], &late["downloadUrl"]), (&json!("expired"), &Value::Null));
    let listed = app.person(1).all(MINE, 1).await;
    let statuses: Vec<&Value> = listed.iter().map(|it| &it["status"]).collect();
    assert_eq!((listed.len(), statuses), (2, vec![&json!("queued"), &json!("expired")]));
    assert_eq!(listed[0]["id"], second["id"], "the newest first");
    app.database.clock.advance(30 * DAY);
    app.person(1).get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_export_wants_a_recent_sign_in() {
    let app = app().await;
    let home = Home::found(&app).await;
    let long_ago = app.database.clock.now().minus(Duration::from_secs(601)).as_second();
    let stale = |organization| {
        app.client_of(user_id(1), organization, |claims| {
            claims.role = Some("owner".to_owned());
            claims.auth_time = Some(long_ago);
        })
    };
    let refused = stale(None).post(MINE, json!({})).await;
    refused.expect_problem(401, "reauthentication_required");
    let refused = stale(Some(home.id)).post(&home.at("/data-exports"), json!({})).await;
    refused.expect_problem(401, "reauthentication_required");
    stale(None).get(MINE).await.expect(200);
}

#[tokio::test]
async fn of_32_that_ask_at_once_one_gets_an_export() {
    let (app, instances) = crowd(32).await;
    let home = Home::found(&app).await;
    for folder in [MINE.to_owned(), home.at("/data-exports")] {
        let asked = instances.iter().map(|instance| async {
            let organization = (folder != MINE).then_some(home.id);
            let client = instance.client_of(user_id(1), organization, |claims| {
                claims.role = organization.map(|_| "owner".to_owned());
            });
            persistent(async || client.post(&folder, json!({})).await).await
        });
        let answers = join_all(asked).await;
        let accepted = answers.iter().filter(|answer| answer.status == 202).count();
        assert_eq!(accepted, 1);
        for answer in answers.iter().filter(|answer| answer.status != 202) {
            answer.expect_problem(409, "export_too_soon");
        }
    }
    assert_eq!(app.messages_to(JOBS).await.len(), 2);
}
