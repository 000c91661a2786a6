//! GET /planning/tasks by update, assignee, parent, label, external id

use std::time::Duration;

use serde_json::{Value, json};

use crate::{A, B, app, go, path_of, project, relate, task, task_with};

const TASKS: &str = "/api/v1/planning/tasks";

fn keys(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn by_update_the_last_change_comes_first_or_since_a_time_last() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let mut all = Vec::new();
    for n in 0..4 {
        app.database.clock.advance(Duration::from_millis(10));
        all.push(task(&owner, &id, &format!("{n}")).await);
    }
    let by_update = format!("{TASKS}?projectId={id}&sort=-updatedAt");
    assert_eq!(keys(&owner.all(&by_update, 3).await), ["WEB-4", "WEB-3", "WEB-2", "WEB-1"]);
    app.database.clock.advance(Duration::from_millis(10));
    let since = app.database.clock.now();
    owner.patch(&path_of(&all[1]), json!({ "points": 1 })).await.expect(200);
    app.database.clock.advance(Duration::from_millis(10));
    go(&owner, &all[0], &["in_progress"]).await;
    assert_eq!(keys(&owner.all(&by_update, 3).await), ["WEB-1", "WEB-2", "WEB-4", "WEB-3"]);
    let changed = format!("{by_update}&updatedSince={since}");
    assert_eq!(keys(&owner.all(&changed, 1).await), ["WEB-2", "WEB-1"]);
    let later = since.plus(Duration::from_millis(1));
    let later = format!("{by_update}&updatedSince={later}");
    assert_eq!(keys(&owner.all(&later, 1).await), ["WEB-1"]);
    // A count that follows another task is no change of anybody.
    app.database.clock.advance(Duration::from_millis(10));
    relate(&owner, &all[2], "blocks", &all[3]).await.expect(200);
    app.database.clock.advance(Duration::from_millis(10));
    go(&owner, &all[2], &["cancelled"]).await;
    assert_eq!(keys(&owner.all(&by_update, 3).await), ["WEB-3", "WEB-4", "WEB-1", "WEB-2"]);
    owner.delete(&path_of(&all[2])).await.expect(204);
    assert_eq!(keys(&owner.all(&changed, 2).await), ["WEB-2", "WEB-1", "WEB-4"]);
}

#[tokio::test]
async fn by_assignee_the_most_urgent_comes_first_over_all_projects() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let me = owner.user.to_string();
    let mine = async |project: &str, priority: &str, due: Option<&str>| {
        let fields = json!({ "assigneeId": me, "priority": priority, "dueDate": due });
        app.database.clock.advance(Duration::from_millis(1));
        task_with(&owner, project, fields).await
    };
    mine(&web, "low", Some("2026-01-01")).await;
    mine(&web, "medium", None).await;
    mine(&far, "medium", Some("2026-03-01")).await;
    mine(&web, "medium", Some("2026-02-01")).await;
    let critical = mine(&far, "critical", None).await;
    let high = mine(&web, "high", Some("2027-01-01")).await;
    mine(&far, "critical", None).await;
    task(&owner, &web, "nobody's").await;
    let order = ["FAR-2", "FAR-3", "WEB-4", "WEB-3", "FAR-1", "WEB-2", "WEB-1"];
    assert_eq!(keys(&owner.all(&format!("{TASKS}?assigneeId=me"), 2).await), order);
    assert_eq!(keys(&owner.all(&format!("{TASKS}?assigneeId={me}&open=true"), 3).await), order);
    let theirs = app.client(A, "member").all(&format!("{TASKS}?assigneeId=me"), 10).await;
    assert!(theirs.is_empty());
    let of_me = app.client(A, "member").all(&format!("{TASKS}?assigneeId={me}"), 10).await;
    assert_eq!(of_me.len(), 7);
    assert!(app.client(B, "owner").all(&format!("{TASKS}?assigneeId={me}"), 10).await.is_empty());
    // Done and cancelled ones are another list; unassigned and deleted ones are in none.
    go(&owner, &high, &["in_progress", "done"]).await;
    owner.patch(&format!("{TASKS}/WEB-1"), json!({ "assigneeId": null })).await.expect(200);
    owner.delete(&path_of(&critical)).await.expect(204);
    let open = ["FAR-3", "WEB-3", "FAR-1", "WEB-2"];
    assert_eq!(keys(&owner.all(&format!("{TASKS}?assigneeId=me"), 2).await), open);
    assert_eq!(keys(&owner.all(&format!("{TASKS}?assigneeId=me&open=false"), 2).await), ["WEB-4"]);
    let residual = format!("{TASKS}?assigneeId=me&priority=medium&dueBefore=2026-02-15");
    assert_eq!(keys(&owner.all(&residual, 1).await), ["WEB-3"]);
    // Nor are those of deleted projects.
    let project = format!("/api/v1/planning/projects/{far}");
    owner.post(&format!("{project}/archive"), json!({})).await.expect(200);
    assert_eq!(keys(&owner.all(&format!("{TASKS}?assigneeId=me"), 2).await), open);
    owner.delete(&project).await.expect(204);
    assert_eq!(keys(&owner.all(&format!("{TASKS}?assigneeId=me"), 2).await), ["WEB-3", "WEB-2"]);
    let agent = json!({ "assigneeId": "agt_01h455vb4pex5vsknk084sn02q" });
    task_with(&owner, &web, agent).await;
    let agents = format!("{TASKS}?assigneeId=agt_01h455vb4pex5vsknk084sn02q");
    assert_eq!(owner.all(&agents, 10).await.len(), 1);
}

#[tokio::test]
async fn by_label_the_newest_number_comes_first() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    for labels in [json!(["ui", "api"]), json!(["api"]), json!(["UI"]), json!([])] {
        task_with(&owner, &web, json!({ "labels": labels })).await;
    }
    task_with(&owner, &far, json!({ "labels": ["ui"] })).await;
    let list = async |query: &str| {
        let listed = owner.all(&format!("{TASKS}?projectId={web}&{query}"), 1).await;
        keys(&listed).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("label=ui").await, ["WEB-3", "WEB-1"]);
    assert_eq!(list("label=UI").await, ["WEB-3", "WEB-1"]);
    assert_eq!(list("label=api").await, ["WEB-2", "WEB-1"]);
    assert_eq!(list("label=ui&labels=api").await, ["WEB-1"]);
    assert!(list("label=none").await.is_empty());
    owner.patch(&format!("{TASKS}/WEB-1"), json!({ "labels": ["api", "new"] })).await.expect(200);
    owner.patch(&format!("{TASKS}/WEB-4"), json!({ "labels": ["ui"] })).await.expect(200);
    assert_eq!(list("label=ui").await, ["WEB-4", "WEB-3"]);
    assert_eq!(list("label=new").await, ["WEB-1"]);
    owner.delete(&format!("{TASKS}/WEB-3")).await.expect(204);
    assert_eq!(list("label=ui").await, ["WEB-4"]);
    let deleted = owner.get(&format!("{TASKS}/WEB-3?includeDeleted=true")).await.expect(200);
    owner.post(&format!("{}/restore", path_of(&deleted)), json!({})).await.expect(200);
    assert_eq!(list("label=ui").await, ["WEB-4", "WEB-3"]);
    assert_eq!(list("label=ui&stateCategory=done").await, [""; 0]);
    assert_eq!(list("label=ui&titleContains=TT").await, [""; 0]);
}

#[tokio::test]
async fn ready_means_without_open_blocker() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task(&owner, &id, "parent").await;
    let fields = json!({
        "parentId": parent["id"], "labels": ["x"], "assigneeId": owner.user.to_string(),
    });
    let blocker = task_with(&owner, &id, fields.clone()).await;
    let waiting = task_with(&owner, &id, fields).await;
    relate(&owner, &blocker, "blocks", &waiting).await.expect(200);
    let bases = [
        format!("projectId={id}&sort=number"),
        format!("projectId={id}&state=to_do"),
        format!("projectId={id}&sort=-updatedAt"),
        format!("projectId={id}&label=x"),
        format!("parentId={}", parent["id"].as_str().unwrap()),
        "assigneeId=me".to_owned(),
    ];
    for base in &bases {
        let all = owner.all(&format!("{TASKS}?{base}"), 1).await;
        let ready = owner.all(&format!("{TASKS}?{base}&ready=true"), 1).await;
        assert!(keys(&all).contains(&"WEB-3") && !keys(&ready).contains(&"WEB-3"), "{base}");
        assert!(keys(&ready).contains(&"WEB-2"), "{base}");
        assert_eq!(owner.all(&format!("{TASKS}?{base}&ready=false"), 9).await.len(), all.len());
    }
    go(&owner, &blocker, &["cancelled"]).await;
    for base in &bases {
        let ready = owner.all(&format!("{TASKS}?{base}&ready=true"), 1).await;
        assert!(keys(&ready).contains(&"WEB-3"), "{base}");
    }
}

#[tokio::test]
async fn what_no_index_serves_is_refused_with_what_one_does() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    let parent = format!("parentId={}", created["id"].as_str().unwrap());
    let project = format!("projectId={id}");
    let unsupported = [
        String::new(),
        "state=to_do".to_owned(),
        "label=x".to_owned(),
        "externalId=x&source=y".to_owned(),
        "sort=-updatedAt".to_owned(),
        "open=true".to_owned(),
        "ready=true".to_owned(),
        format!("{project}&assigneeId=me"),
        format!("{project}&{parent}"),
        format!("{parent}&assigneeId=me"),
        format!("{parent}&sort=number"),
        format!("{parent}&open=true"),
        format!("{project}&open=true"),
        format!("{project}&state=to_do&sort=-updatedAt"),
        format!("{project}&state=to_do&label=x"),
        format!("{project}&label=x&sort=number"),
        format!("{project}&updatedSince=2026-01-01T00:00:00Z"),
        format!("{project}&sort=number&updatedSince=2026-01-01T00:00:00Z"),
        format!("{project}&externalId=x"),
        format!("{project}&source=x"),
        format!("{project}&externalId=x&source=y&label=z"),
    ];
    for query in unsupported {
        let problem = owner.get(&format!("{TASKS}?{query}")).await;
        let problem = problem.expect_problem(400, "unsupported_filter");
        let allowed = problem["allowed"].as_array().unwrap();
        for named in ["projectId,label", "assigneeId,open", "parentId"] {
            assert!(allowed.contains(&json!(named)), "{query}: {allowed:?}");
        }
    }
    for query in ["assigneeId=you", "assigneeId=usr_x", "open=maybe&assigneeId=me"] {
        let problem = owner.get(&format!("{TASKS}?{query}")).await;
        problem.expect_problem(400, "invalid_request");
    }
    let nobody = "parentId=task_01h455vb4pex5vsknk084sn02q";
    owner.get(&format!("{TASKS}?{nobody}")).await.expect_problem(404, "not_found");
    owner.delete(&path_of(&created)).await.expect(204);
    owner.get(&format!("{TASKS}?{parent}")).await.expect_problem(404, "not_found");
    // A cursor of one list is none of another.
    for n in 0..3 {
        task_with(&owner, &id, json!({ "labels": ["x"], "title": format!("{n}") })).await;
    }
    let page = owner.get(&format!("{TASKS}?{project}&label=x&limit=1")).await.expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let foreign = owner.get(&format!("{TASKS}?{project}&limit=1&cursor={cursor}")).await;
    assert_eq!(foreign.status, 400);
}
