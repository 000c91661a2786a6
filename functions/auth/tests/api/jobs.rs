//! auth-jobs: what ends with people and organizations, however often and in whatever order it is told

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use auth::jobs::{consume, sweep};
use futures::future::{BoxFuture, join_all};
use millwright_access::{
    StoredApiKeys,
    api_keys::{KeyRecord, KeyUsed, KeyUses},
};
use millwright_core::{Clock, IdGenerator, OrgId, Timestamp, UserId};
use millwright_event::{Envelope, Event};
use millwright_identity::{
    ApiKeys, NoRevocations,
    SystemRole::{Admin, Member},
};
use millwright_testkit::{CrashPoint, Database, deliveries, mistyped, settled};
use serde_json::{Value, json};

use crate::scene::{Browser, Scene, organization, scene, scene_with, user_of};

const KEYS: &str = "/api/v1/auth/api-keys";
const SERVICE_KEYS: &str = "/api/v1/auth/service-keys";
const DEACTIVATED: &str = "users.user.deactivated";
const DELETED: &str = "users.user.deleted";
const REMOVED: &str = "users.membership.removed";
const ORGANIZATION_DELETED: &str = "organizations.organization.deleted";

/// An event of user-management, as it comes over the bus.
fn told(kind: &str, at: Timestamp, orgid: Option<OrgId>, data: Value) -> Envelope {
    let id = IdGenerator::new(Clock::system()).next_uuid().to_string();
    let envelope = json!({
        "specversion": "1.0",
        "id": id,
        "source": "millwright.user-management",
        "type": kind,
        "time": at,
        "subject": "x",
        "datacontenttype": "application/json",
        "dataschema": format!("urn:millwright:event:{kind}:1"),
        "orgid": orgid,
        "actorid": "usr_01jdbx0pmgfcevdh08yfgtjb82",
        "correlationid": "c",
        "data": data,
    });
    serde_json::from_value(envelope).unwrap()
}

/// Everything user-management says when a person and an organization go. What is not known of the
/// data is skipped.
struct Told(BTreeMap<&'static str, Envelope>);

impl Told {
    fn of(user: UserId, organizations: &[OrgId], gone: OrgId, at: Timestamp) -> Told {
        let of_user = json!({
            "userId": user, "by": "operator", "organizationIds": organizations, "unknown": 1,
        });
        let removal = json!({ "userId": user, "by": user, "endReason": "removed", "teamIds": [] });
        let end = json!({ "organizationId": gone });
        Told(BTreeMap::from([
            (DEACTIVATED, told(DEACTIVATED, at, None, of_user.clone())),
            (DELETED, told(DELETED, at, None, of_user)),
            (REMOVED, told(REMOVED, at, Some(gone), removal)),
            (ORGANIZATION_DELETED, told(ORGANIZATION_DELETED, at, Some(gone), end)),
        ]))
    }

    fn event(&self, kind: &str) -> Envelope {
        self.0[kind].clone()
    }
}

/// Delivers events one after the other; all are worked on.
async fn deliver(database: &Database, events: &[Envelope]) {
    let batch = consume(Arc::new(database.store()), deliveries(events)).await;
    let (failed, rejected) = settled(batch).await;
    assert!(failed.is_empty() && rejected.is_empty(), "{failed:?} {rejected:?}");
}

/// Two sessions, a link, keys in two organizations, one of which has a service key.
struct Furnished {
    scene: Scene,
    user: UserId,
    browser: Browser,
    organizations: [OrgId; 2],
}

async fn furnished() -> Furnished {
    furnished_with(Clock::fixed(millwright_testkit::beginning())).await
}

async fn furnished_with(clock: Clock) -> Furnished {
    let scene = scene_with(clock, |_| {}).await;
    let mut browser = scene.signed_in("ada").await;
    scene.signed_in("ada").await;
    let user = user_of(&scene.refreshed(&mut browser).await);
    let organizations = [scene.join(user, 1).await, scene.join(user, 2).await];
    for organization in organizations {
        let switch = "/api/v1/auth/sessions/current/switch-organization";
        let client = scene.client(&mut browser).await;
        let view = client.post(switch, json!({ "organizationId": organization })).await.expect(200);
        let client = scene.app.bearer(view["accessToken"].as_str().unwrap());
        let key = json!({ "name": "K", "scopes": ["auth.api_key.read"] });
        client.post(KEYS, key).await.expect(201);
    }
    let admin = scene.member(1, Admin).await;
    let key = json!({ "name": "CI", "scopes": ["auth.*"] });
    admin.post(SERVICE_KEYS, key).await.expect(201);
    Furnished { scene, user, browser, organizations }
}

impl Furnished {
    fn told(&self) -> Told {
        let at = self.scene.app.database.clock.now();
        Told::of(self.user, &self.organizations, self.organizations[0], at)
    }

    /// What is left, but for what nobody sees.
    async fn state(&self) -> Vec<String> {
        self.scene.app.database.snapshot(&["outbox", "inbox", "feed"]).await
    }

    /// How many events of each kind the jobs have caused.
    async fn caused(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for event in self.scene.app.events().await {
            if event.causationid.is_some() {
                *counts.entry(event.kind).or_default() += 1;
            }
        }
        counts
    }
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

#[tokio::test]
async fn who_is_deactivated_has_no_session_left_but_those_begun_since() {
    let f = furnished().await;
    let clock = &f.scene.app.database.clock;
    let event = f.told().event(DEACTIVATED);
    clock.advance(Duration::from_secs(1));
    // Reactivated and signed in again, before the event came.
    let mut later = f.scene.signed_in("ada").await;
    deliver(&f.scene.app.database, &[event.clone(), event.clone()]).await;
    assert_eq!(f.caused().await, counts(&[("auth.session.revoked", 2)]));
    assert_eq!(f.scene.said("auth.session.revoked").await[0]["reason"], "user_deactivated");
    let cookie = f.browser.refresh.clone().unwrap();
    f.scene.refresh_with(&cookie, json!({})).await.expect_problem(401, "refresh_invalid");
    let client = f.scene.client(&mut later).await;
    let listed = client.all("/api/v1/auth/sessions", 10).await;
    assert_eq!(listed.len(), 1);
    // Tokens of the revoked sessions are dead by the feed.
    let feed = f.scene.count("feed").await;
    assert_eq!(feed, 2);
}

#[tokio::test]
async fn a_membership_takes_its_keys_and_a_later_one_keeps_its_own() {
    let f = furnished().await;
    let database = &f.scene.app.database;
    let event = f.told().event(REMOVED);
    database.clock.advance(Duration::from_secs(1));
    let member = f.scene.app.client_of(f.user, Some(f.organizations[0]), |claims| {
        claims.role = Some("member".to_owned());
    });
    let again = json!({ "name": "Again", "scopes": ["auth.api_key.read"] });
    member.post(KEYS, again).await.expect(201);
    deliver(database, std::slice::from_ref(&event)).await;
    deliver(database, &[event]).await;
    let listed = member.all(KEYS, 10).await;
    let told: Vec<(&str, &str)> = listed
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("Again", "active"), ("K", "revoked")]);
    assert_eq!(listed[1]["revokedBy"], "usr_01jdbx0pmgfcevdh08yfgtjb82");
    assert_eq!(f.caused().await, counts(&[("auth.api_key.revoked", 1)]));
    assert_eq!(f.scene.said("auth.api_key.revoked").await[0]["reason"], "member_removed");
    // The name is free again; keys elsewhere stay.
    member.post(KEYS, json!({ "name": "K", "scopes": ["auth.api_key.read"] })).await.expect(201);
    let elsewhere = f.scene.app.client_of(f.user, Some(f.organizations[1]), |claims| {
        claims.role = Some("member".to_owned());
    });
    assert_eq!(elsewhere.all(&format!("{KEYS}?status=active"), 10).await.len(), 1);
}

#[tokio::test]
async fn an_erased_person_leaves_nothing_and_may_come_back_as_somebody_else() {
    let f = furnished().await;
    let database = &f.scene.app.database;
    deliver(database, &[f.told().event(DELETED)]).await;
    for kind in ["session", "identity", "identity_owner", "person_head", "login_record", "day_mark"]
    {
        assert_eq!(f.scene.count(kind).await, 0, "{kind}");
    }
    // But for what user-management keeps, the keys' records and what was said.
    let left = database.snapshot(&["outbox", "inbox", "user_facts", "user_membership"]).await;
    let of_user: Vec<&String> =
        left.iter().filter(|text| text.contains("ada@example.org")).collect();
    assert!(of_user.iter().all(|text| text.contains("test_email")), "{of_user:#?}");
    let caused = f.caused().await;
    let expected = [("auth.api_key.revoked", 2), ("auth.session.revoked", 2)];
    assert_eq!(caused, counts(&expected));
    assert_eq!(f.scene.said("auth.session.revoked").await[0]["reason"], "user_deleted");
    let cookie = f.browser.refresh.clone().unwrap();
    f.scene.refresh_with(&cookie, json!({})).await.expect_problem(401, "refresh_invalid");
    // The address is free once user-management has erased it, too.
    let mut other = Browser::default();
    let answer = f
        .scene
        .sign_in_as(&mut other, "ada", |claims| claims["email"] = json!("ada2@example.org"))
        .await;
    assert!(other.refresh.is_some(), "{answer:?}");
    let view = f.scene.refreshed(&mut other).await;
    assert_ne!(user_of(&view), f.user);
}

#[tokio::test]
async fn a_deleted_organization_takes_every_key_and_they_are_gone_in_30_days() {
    let f = furnished().await;
    let database = &f.scene.app.database;
    // One was over before.
    let admin = f.scene.member(1, Admin).await;
    let over = json!({ "name": "Over", "scopes": ["auth.*"] });
    let made = admin.post(SERVICE_KEYS, over).await;
    made.expect(201);
    admin.delete(made.header("location").unwrap()).await.expect(204);
    let event = f.told().event(ORGANIZATION_DELETED);
    deliver(database, &[event.clone(), event]).await;
    assert_eq!(f.caused().await, counts(&[("auth.api_key.revoked", 2)]));
    let latest = database.clock.now().plus(Duration::from_secs(30 * 24 * 3600)).as_second();
    let mut seen = 0;
    for item in database.items().await.iter().filter(|item| item.kind() == "api_key") {
        let record: KeyRecord = item.decode().unwrap();
        if record.summary.organization_id == f.organizations[0] {
            assert_eq!(item.signed_number("ttl"), Some(latest), "{record:?}");
            assert!(record.summary.revoked_at.is_some() && record.secrets.is_empty());
            seen += 1;
        } else {
            assert!(record.summary.revoked_at.is_none());
        }
    }
    assert_eq!(seen, 3);
    assert_eq!(f.scene.count("key_slots").await, 1, "of the other organization");
}

/// Every order of four.
fn orders() -> Vec<Vec<usize>> {
    let mut orders = Vec::new();
    for code in 0..256_usize {
        let order: Vec<usize> = (0..4).map(|place| code >> (2 * place) & 3).collect();
        if (0..4).all(|wanted| order.contains(&wanted)) {
            orders.push(order);
        }
    }
    orders
}

#[tokio::test]
async fn in_whatever_order_and_however_often_the_end_is_the_same() {
    let mut ends: Vec<(Vec<String>, BTreeMap<String, usize>)> = Vec::new();
    let orders = orders();
    assert_eq!(orders.len(), 24);
    for order in orders {
        let f = furnished().await;
        let kinds = [DELETED, DEACTIVATED, REMOVED, ORGANIZATION_DELETED];
        let all = f.told();
        let events: Vec<Envelope> = order.iter().map(|index| all.event(kinds[*index])).collect();
        deliver(&f.scene.app.database, &events).await;
        let end = f.state().await;
        let caused = f.caused().await;
        deliver(&f.scene.app.database, &events).await;
        assert_eq!(f.state().await, end, "{order:?}: again");
        assert_eq!(f.caused().await, caused, "{order:?}: no second event");
        ends.push((ids_left_out(&end), caused));
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert_eq!(ends[0].1, counts(&[("auth.api_key.revoked", 3), ("auth.session.revoked", 2)]));
}

/// Ids and secrets are random: what is left without them.
fn ids_left_out(items: &[String]) -> Vec<String> {
    let mut left: Vec<String> = items
        .iter()
        .map(|item| {
            let mut value: Value = serde_json::from_str(item).unwrap();
            blank(&mut value);
            value.to_string()
        })
        .collect();
    left.sort();
    left
}

fn blank(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(blank),
        Value::Array(elements) => elements.iter_mut().for_each(blank),
        Value::String(text) if text.len() >= 26 || text.starts_with("KEY#") => {
            *text = "?".to_owned();
        }
        _ => {}
    }
}

#[tokio::test]
async fn an_erasure_that_dies_anywhere_is_finished_by_the_next_delivery() {
    let undisturbed = furnished().await;
    let database = undisturbed.scene.app.database.other_process();
    deliver(&database, &[undisturbed.told().event(DELETED)]).await;
    let calls: usize = database.faults.calls().values().sum();
    assert!(calls > 8, "{calls}");
    let (end, caused) = (ids_left_out(&undisturbed.state().await), undisturbed.caused().await);
    for call in 1..=calls {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let f = furnished().await;
            let event = f.told().event(DELETED);
            let dying = f.scene.app.database.other_process();
            dying.faults.crash(point);
            tokio::select! {
                () = deliver(&dying, std::slice::from_ref(&event)) => {}
                () = dying.faults.crashed() => {}
            }
            deliver(&f.scene.app.database, &[event]).await;
            assert_eq!(ids_left_out(&f.state().await), end, "{point:?}");
            assert_eq!(f.caused().await, caused, "{point:?}");
        }
    }
}

#[tokio::test]
async fn of_32_deliveries_at_once_one_counts() {
    for kind in [DEACTIVATED, DELETED, REMOVED, ORGANIZATION_DELETED] {
        let f = furnished_with(Clock::system()).await;
        let event = f.told().event(kind);
        let all = (0..32).map(|_| {
            let (database, event) = (f.scene.app.database.other_process(), event.clone());
            async move {
                // What fails is delivered again.
                loop {
                    let store = Arc::new(database.store());
                    let batch = consume(store, deliveries(std::slice::from_ref(&event))).await;
                    let (failed, rejected) = settled(batch).await;
                    assert!(rejected.is_empty());
                    if failed.is_empty() {
                        return;
                    }
                }
            }
        });
        join_all(all).await;
        let expected: &[(&str, usize)] = match kind {
            DEACTIVATED => &[("auth.session.revoked", 2)],
            DELETED => &[("auth.api_key.revoked", 2), ("auth.session.revoked", 2)],
            REMOVED => &[("auth.api_key.revoked", 1)],
            _ => &[("auth.api_key.revoked", 2)],
        };
        assert_eq!(f.caused().await, counts(expected), "{kind}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_rejected_alone() {
    let f = furnished().await;
    let database = &f.scene.app.database;
    let now = database.clock.now();
    let good = f.told().event(DEACTIVATED);
    let bad = told(DELETED, now, None, json!({ "userId": 7 }));
    let homeless = told(REMOVED, now, None, json!({ "userId": f.user }));
    let batch = deliveries(&[bad, homeless, good]);
    let (failed, rejected) = settled(consume(Arc::new(database.store()), batch).await).await;
    assert_eq!((failed.len(), rejected.len()), (0, 2));
    assert_eq!(f.caused().await, counts(&[("auth.session.revoked", 2)]));
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

#[tokio::test]
async fn a_key_that_expires_in_seven_days_is_told_of_once() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let (clock, now) = (&scene.app.database.clock, scene.app.database.clock.now());
    let made = async |name: &str, expires: Timestamp| {
        let scopes = ["auth.api_key.read"];
        let body = json!({ "name": name, "scopes": scopes, "expiresAt": expires });
        let answer = member.post(KEYS, body).await;
        answer.expect(201);
        answer.header("location").unwrap().to_owned()
    };
    made("A", now.plus(days(20))).await;
    let longer = made("B", now.plus(days(20))).await;
    let revoked = made("C", now.plus(days(20))).await;
    made("Short", now.plus(days(3))).await;
    let store = scene.app.database.store();
    assert_eq!(sweep(&store).await.unwrap(), 0);
    clock.advance(days(13).saturating_sub(Duration::from_secs(1)));
    assert_eq!(sweep(&store).await.unwrap(), 0);
    let member = scene.app.client(1, "member");
    let until = now.plus(days(40));
    member.post(&format!("{longer}/rotate"), json!({ "expiresAt": until })).await.expect(200);
    member.delete(&revoked).await.expect(204);
    clock.advance(Duration::from_secs(1));
    assert_eq!(sweep(&store).await.unwrap(), 1);
    assert_eq!(sweep(&store).await.unwrap(), 0);
    let said = scene.said("auth.api_key.expiring").await;
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["userId"], member.user.to_string());
    assert_eq!(said[0]["kind"], "personal");
    clock.advance(days(20));
    assert_eq!(sweep(&store).await.unwrap(), 1, "the rotated one");
    // Nobody is told of one whose day has passed while nothing ran.
    let member = scene.app.client(1, "member");
    let body = json!({ "name": "D", "scopes": ["auth.api_key.read"] });
    member.post(KEYS, body).await.expect(201);
    clock.advance(days(91));
    assert_eq!(sweep(&store).await.unwrap(), 0);
}

#[tokio::test]
async fn of_32_sweeps_at_once_one_tells() {
    let scene = scene_with(Clock::system(), |_| {}).await;
    let member = scene.member(1, Member).await;
    for name in ["A", "B", "C"] {
        let soon = scene.app.database.clock.now().plus(days(8));
        let scopes = ["auth.api_key.read"];
        let body = json!({ "name": name, "scopes": scopes, "expiresAt": soon });
        member.post(KEYS, body).await.expect(201);
    }
    // A process whose clock is a day and a bit ahead.
    let later = Clock::fixed(scene.app.database.clock.now().plus(days(2)));
    let sweeps = (0..32).map(|_| {
        let database = scene.app.database.other_process();
        let (table, clock) = (database.table().to_owned(), later.clone());
        let store = millwright_store::Store::new(database.client().clone(), table, clock);
        async move { sweep(&store).await.unwrap() }
    });
    let told: usize = join_all(sweeps).await.into_iter().sum();
    assert_eq!(told, 3);
    let said = scene.app.events().await;
    assert_eq!(said.iter().filter(|it| it.kind == "auth.api_key.expiring").count(), 3);
}

#[tokio::test]
async fn the_latest_use_of_a_key_is_shown() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let body = json!({ "name": "K", "scopes": ["auth.api_key.read"] });
    let made = member.post(KEYS, body).await;
    let (view, path) = (made.expect(201), made.header("location").unwrap().to_owned());
    let key_id = view["id"].as_str().unwrap().parse().unwrap();
    let now = scene.app.database.clock.now();
    let used = |seconds: u64, address: &str| {
        let at = now.plus(Duration::from_secs(seconds));
        let used = KeyUsed { key_id, at, address: Some(address.to_owned()) };
        told(KeyUsed::TYPE, now, None, serde_json::to_value(used).unwrap())
    };
    let marks: Vec<Envelope> = (0..32)
        .map(|number| used((number * 7) % 32, &format!("192.0.2.{}", (number * 7) % 32)))
        .collect();
    let all = marks.iter().map(|mark| deliver(&scene.app.database, std::slice::from_ref(mark)));
    join_all(all).await;
    let shown = member.get(&path).await;
    let view = shown.expect(200);
    assert_eq!(view["lastUsedAt"], now.plus(Duration::from_secs(31)).to_string());
    assert_eq!(view["lastUsedIp"], "192.0.2.31");
    assert_eq!(shown.etag(), "\"1\"", "nobody has changed it");
    assert_eq!(view["organizationId"], organization(1).to_string());
    // One that is unknown, or revoked, is none.
    member.delete(&path).await.expect(204);
    deliver(&scene.app.database, &[used(99, "192.0.2.99")]).await;
    assert_eq!(member.get(&path).await.expect(200)["lastUsedIp"], "192.0.2.31");
}

#[derive(Default)]
struct Heard(std::sync::Mutex<Vec<KeyUsed>>);

impl KeyUses for Heard {
    fn tell(&self, used: KeyUsed) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap().push(used);
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_key_in_use_is_told_of_every_ten_minutes_at_most() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let body = json!({ "name": "K", "scopes": ["auth.api_key.read"] });
    let made = member.post(KEYS, body).await.expect(201);
    let key = made["key"].as_str().unwrap();
    let (store, clock) = (scene.app.database.store(), &scene.app.database.clock);
    let heard = Arc::new(Heard::default());
    let verifier = || {
        let nothing = Arc::new(NoRevocations);
        StoredApiKeys::new(store.clone(), store.clone(), nothing, clock.clone())
            .telling(heard.clone())
    };
    let (here, there) = (verifier(), verifier());
    let count = || heard.0.lock().unwrap().len();
    let wrong = mistyped(key);
    assert!(here.authenticate(&wrong, None).await.is_err());
    assert_eq!(count(), 0);
    for _ in 0..40 {
        here.authenticate(key, Some([192, 0, 2, 1].into())).await.unwrap();
        clock.advance(Duration::from_secs(20));
    }
    assert_eq!(count(), 2, "at the first second, and after ten minutes");
    let used = heard.0.lock().unwrap()[1].clone();
    assert_eq!(used.address.as_deref(), Some("192.0.2.1"));
    // Once it is written down, no other instance tells of it again.
    let now = clock.now();
    let mark = told(KeyUsed::TYPE, now, None, serde_json::to_value(used).unwrap());
    deliver(&scene.app.database, &[mark]).await;
    there.authenticate(key, None).await.unwrap();
    assert_eq!(count(), 2);
}
