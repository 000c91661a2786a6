//! What a page may do with its cookie, and other pages may not.

use auth::doubles::APP;
use http::Method;
use serde_json::json;

use crate::scene::scene;

#[tokio::test]
async fn cookies_are_of_use_to_our_pages_alone() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let cookies = browser.cookies();
    let path = "/api/v1/auth/refresh";
    let form = "application/x-www-form-urlencoded";
    for headers in [
        vec![("content-type", "application/json")],
        vec![("content-type", "application/json"), ("origin", "https://evil.example")],
        vec![("content-type", "application/json"), ("origin", "null")],
        vec![("content-type", form), ("origin", APP)],
        vec![("content-type", "text/plain"), ("origin", APP)],
        vec![("origin", APP)],
    ] {
        let mut headers = headers;
        headers.push(("cookie", &cookies));
        for path in [path, "/api/v1/auth/logout"] {
            let answer = scene.app.stranger().send(Method::POST, path, &headers, "{}").await;
            answer.expect_problem(403, "origin_not_allowed");
        }
    }
    // Nothing was used.
    scene.refreshed(&mut browser).await;
}

#[tokio::test]
async fn a_logout_ends_the_session_and_takes_the_cookie() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let client = scene.client(&mut browser).await;
    let cookies = browser.cookies();
    let headers = [("cookie", cookies.as_str()), ("origin", APP)];
    for _ in 0..2 {
        let answer =
            scene.app.stranger().post_with("/api/v1/auth/logout", &headers, json!({})).await;
        answer.expect(204);
        assert!(answer.header("set-cookie").unwrap().starts_with("mw_refresh=; "));
    }
    let cookie = browser.refresh.clone().unwrap();
    scene.refresh_with(&cookie, json!({})).await.expect_problem(401, "refresh_invalid");
    scene.app.database.clock.advance(std::time::Duration::from_secs(21));
    client.get("/api/v1/auth/me").await.expect_problem(401, "token_revoked");
    assert_eq!(scene.said("auth.session.revoked").await[0]["reason"], "logout");
    assert_eq!(scene.said("auth.session.revoked").await.len(), 1);
    // With a token and no cookie.
    let mut browser = scene.signed_in("ada").await;
    let client = scene.client(&mut browser).await;
    client.post("/api/v1/auth/logout", json!({})).await.expect(204);
    assert_eq!(scene.said("auth.session.revoked").await.len(), 2);
}
