//! Letters of invitations, by SES on loopback.

use std::{sync::Arc, time::Duration};

use millwright_testkit::{Client, CrashPoint, Database, JobQueue, TestApp, TestMail};
use serde_json::{Value, json};
use user_management::{
    Exporting, Ports, UserManagement, permissions,
    work::{Desk, JOBS},
};

use crate::{Home, exports::Nothing, invitations::PATH, post, token, user_id};

const BATCHES: &str = "/api/v1/invitations/batches";

async fn app_with(mail: &TestMail) -> TestApp {
    let mail = mail.clone();
    TestApp::start("user-management", move |platform, store, files| {
        let ports = Ports { files, catalogue: permissions::CATALOGUE, post: post(Some(&mail)) };
        user_management::router(UserManagement::new(platform, store, ports))
    })
    .await
}

fn path_of(invitation: &Value) -> String {
    format!("{PATH}/{}", invitation["id"].as_str().unwrap())
}

fn to(letter: &Value) -> &str {
    letter["Destination"]["ToAddresses"][0].as_str().unwrap()
}

fn text_of(letter: &Value) -> &str {
    letter["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap()
}

async fn status_of(client: &Client, invitation: &Value) -> Value {
    client.get(&path_of(invitation)).await.expect(200)["mailStatus"].clone()
}

#[tokio::test]
async fn who_is_invited_gets_one_letter() {
    let mail = TestMail::start().await;
    let app = app_with(&mail).await;
    let home = Home::found(&app).await;
    let body = json!({ "email": "Grace@Example.com", "message": "Do come.\nSoon." });
    let key = [("idempotency-key", "one")];
    let sent = home.founder.post_with(PATH, &key, body.clone()).await.expect(201);
    assert_eq!(sent["mailStatus"], "sent");
    assert_eq!(status_of(&home.founder, &sent).await, "sent");
    let letters = mail.letters();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter["FromEmailAddress"], TestMail::FROM);
    assert_eq!(to(letter), "grace@example.com");
    assert_eq!(letter["Content"]["Simple"]["Subject"]["Data"], "You are invited to join Acme");
    let text = text_of(letter);
    assert!(text.starts_with("User 1 invites you to join Acme as Viewer.\n"), "{text}");
    assert!(text.contains("\nDo come.\nSoon.\n"), "{text}");
    let url = sent["acceptUrl"].as_str().unwrap();
    assert!(url.starts_with("https://app.example.org/invitations#token="));
    assert!(text.contains(url), "{text}");
    // A repeat sends nothing, and shows no link.
    let again = home.founder.post_with(PATH, &key, body).await.expect(201);
    assert_eq!((&again["id"], &again["acceptUrl"]), (&sent["id"], &Value::Null));
    assert_eq!(mail.letters().len(), 1);
    // Sent again: another link, another letter.
    app.database.clock.advance(Duration::from_secs(60));
    let resend = format!("{}/resend", path_of(&sent));
    let resent = home.founder.post(&resend, json!({})).await.expect(200);
    assert_eq!(resent["mailStatus"], "sent");
    assert_eq!(status_of(&home.founder, &sent).await, "sent");
    let url = resent["acceptUrl"].as_str().unwrap();
    assert!(text_of(&mail.letters()[1]).contains(url));
    home.founder.delete(&path_of(&sent)).await.expect(204);
}

#[tokio::test]
async fn a_link_goes_by_no_letter() {
    let mail = TestMail::start().await;
    let app = app_with(&mail).await;
    let home = Home::found(&app).await;
    let links = json!({ "linkInvitationsAllowed": true });
    home.founder.patch(&home.at("/security-settings"), links).await.expect(200);
    let sent = home.founder.post(PATH, json!({ "type": "link" })).await.expect(201);
    assert_eq!(sent["mailStatus"], "not_configured");
    assert!(mail.letters().is_empty());
}

#[tokio::test]
async fn a_letter_that_fails_changes_nothing_else() {
    let mail = TestMail::start().await;
    let app = app_with(&mail).await;
    let home = Home::found(&app).await;
    mail.refuse(true);
    let sent = home.founder.post(PATH, json!({ "email": "a@example.com" })).await.expect(201);
    assert_eq!(sent["mailStatus"], "failed");
    assert_eq!(status_of(&home.founder, &sent).await, "failed");
    assert_eq!(mail.refused(), 1, "once");
    // Its link is good all the same.
    let preview = crate::invitations::token_of(&sent);
    app.stranger().post("/api/v1/invitations/preview", preview).await.expect(200);
    mail.refuse(false);
    app.database.clock.advance(Duration::from_secs(60));
    let resent = home.founder.post(&format!("{}/resend", path_of(&sent)), json!({})).await;
    assert_eq!(resent.expect(200)["mailStatus"], "sent");
}

/// Whoever dies between commit and letter leaves an invitation whose letter has failed.
#[tokio::test]
async fn a_letter_is_never_told_as_sent_before_it_is() {
    for call in 1..=6 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let mail = TestMail::start().await;
            let app = app_with(&mail).await;
            let home = Home::found(&app).await;
            let dying = app.instance();
            let client = token(&dying, home.id, user_id(1), "owner");
            dying.faults().crash(point);
            tokio::select! {
                _ = client.post(PATH, json!({ "email": "a@example.com" })) => {}
                () = dying.faults().crashed() => {}
            }
            let invitations = home.founder.all(PATH, 10).await;
            let told = invitations.first().map(|it| it["mailStatus"].clone());
            match mail.letters().len() {
                0 => assert_ne!(told, Some(json!("sent")), "{point:?}"),
                letters => assert_eq!(letters, 1, "{point:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_batch_sends_a_letter_for_each_invitation() {
    for crash_at in [None, Some(CrashPoint::After(6)), Some(CrashPoint::Before(9))] {
        let mail = TestMail::start().await;
        let app = app_with(&mail).await;
        let home = Home::found(&app).await;
        let rows = json!([
            { "email": "a@example.com", "message": "Hi" }, { "email": "no address" },
            { "email": "b@example.com" }, { "email": "a@example.com" },
        ]);
        let batch = home.founder.post(BATCHES, json!({ "rows": rows })).await.expect(202);
        let mut queue = JobQueue::of(&app.database, JOBS, 2);
        let work = async |process: Database, message| {
            let (catalogue, files) = (permissions::CATALOGUE, app.files.client());
            let auth = Arc::new(Nothing);
            let exporting = Exporting { store: process.store(), files, catalogue, auth };
            Desk::new(process.store(), exporting, post(Some(&mail))).work(&message).await
        };
        queue.drain(work, |number| crash_at.filter(|_| number == 0)).await;
        let owner = token(&app, home.id, user_id(1), "owner");
        let done = owner.get(&format!("{BATCHES}/{}", batch["id"].as_str().unwrap())).await;
        assert_eq!(done.expect(200)["created"], 2);
        let mut letters: Vec<String> =
            mail.letters().iter().map(|letter| to(letter).to_owned()).collect();
        letters.sort();
        let count = letters.len();
        letters.dedup();
        assert_eq!(letters.len(), count, "nobody gets two");
        let invitations = owner.all(PATH, 10).await;
        let sent = invitations.iter().filter(|it| it["mailStatus"] == "sent").count();
        assert!(sent <= count && count <= 2, "{sent} of {count}");
        if crash_at.is_none() {
            assert_eq!((sent, count), (2, 2));
        }
    }
}
