//! What services ask of each other directly is what the other one answers.

use user_management::{AuthPage, InvokedAuth};

use crate::{Scene, auth_fixture};

#[tokio::test]
async fn an_export_understands_what_auth_keeps_of_a_person() {
    let scene = Scene::set(auth_fixture::guarded()).await;
    let call = &scene.calls["user_data_export"];
    let user = call.path.split('/').find_map(|segment| segment.parse().ok()).expect("a user");
    let service = scene.app.service("user-management", None);
    let answer = service.get(&InvokedAuth::path(user, None)).await.expect(200);
    let page: AuthPage = serde_json::from_value(answer).expect("a page");
    assert!(!page.items.is_empty() && page.items.iter().all(|it| it["kind"].is_string()));
    assert_eq!(page.next_cursor, None);
    // A cursor travels as it is: of three things on pages of one, each comes once.
    let first = InvokedAuth::path(user, None).replace("limit=100", "limit=1");
    let mut kinds = Vec::new();
    let mut path = first;
    loop {
        let answer = service.get(&path).await.expect(200);
        let page: AuthPage = serde_json::from_value(answer).expect("a page");
        kinds.extend(page.items);
        let Some(cursor) = page.next_cursor else { break };
        path = InvokedAuth::path(user, Some(&cursor)).replace("limit=100", "limit=1");
    }
    assert_eq!(kinds, page.items);
}
