//! /planning/tasks/{id}/relations

use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{
    A, Since, app, go, ids, path_of, project, put, read, relate, relation_path, said, task, tasks,
};

async fn listed(client: &Client, task: &Value) -> Vec<(String, u64)> {
    let relations = client.all(&format!("{}/relations", path_of(task)), 100).await;
    let pair = |relation: &Value| {
        let kind = relation["type"].as_str().unwrap().to_owned();
        (kind, relation["task"]["number"].as_u64().unwrap())
    };
    relations.iter().map(pair).collect()
}

async fn newest_change(client: &Client, task: &Value) -> Value {
    let history = client.all(&format!("{}/history", path_of(task)), 100).await;
    json!([history[0]["operationId"], history[0]["actorId"], history[0]["changes"]])
}

#[tokio::test]
async fn both_ends_show_a_relation_with_its_history_and_one_event() {
    let app = app().await;
    let member = app.client(A, "member");
    let web = project(&member, "WEB").await;
    // One project or two, named from either end: the same.
    for (active, far_project) in
        [("blocks", "AAA"), ("blocks", "WEB"), ("blocked-by", "BBB"), ("blocked-by", "WEB")]
    {
        let far = match far_project {
            "WEB" => web.clone(),
            key => project(&member, key).await,
        };
        let (a, b) = (task(&member, &web, "a").await, task(&member, &far, "b").await);
        let since = Since::now(&app).await;
        let answer = match active {
            "blocks" => relate(&member, &a, active, &b).await,
            _ => relate(&member, &b, active, &a).await,
        };
        let answered = answer.expect(200);
        assert_eq!(answer.etag(), "\"2\"");
        let (a, b) = (read(&member, &a).await, read(&member, &b).await);
        assert_eq!(answered, if active == "blocks" { a.clone() } else { b.clone() });
        let none: Value = json!([]);
        assert_eq!(a["relations"]["blocks"], ids([&b]));
        assert_eq!(b["relations"]["blockedBy"], ids([&a]));
        assert_eq!((&a["relations"]["blockedBy"], &b["relations"]["blocks"]), (&none, &none));
        assert_eq!((&a["openBlockers"], &b["openBlockers"]), (&json!(0), &json!(1)));
        assert_eq!((&a["version"], &b["version"]), (&json!(2), &json!(2)));
        for (end, field, other) in [(&a, "relations.blocks", &b), (&b, "relations.blockedBy", &a)] {
            let change = json!({ "field": field, "from": [], "to": [other["id"]] });
            let expected = json!(["task_relation_add", member.user.to_string(), [change]]);
            assert_eq!(newest_change(&member, end).await, expected);
        }
        assert_eq!(since.types(&app).await, ["planning.task.relation_added"]);
        let data = said(&app, "planning.task.relation_added").await.pop().unwrap();
        let expected = json!({
            "projectId": a["projectId"], "version": 2, "type": "blocks",
            "fromId": a["id"], "toId": b["id"],
        });
        assert_eq!(data, expected);
    }
}

#[tokio::test]
async fn what_is_there_is_not_added_again_and_what_is_not_is_not_removed() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for kind in ["blocks", "blocked-by", "relates-to", "duplicate-of"] {
        let (a, b) = (task(&member, &id, "a").await, task(&member, &id, "b").await);
        let path = relation_path(&a, kind, &b);
        let before = app.database.snapshot(&[]).await;
        member.delete(&path).await.expect(204);
        assert_eq!(app.database.snapshot(&[]).await, before, "{kind}: nothing to remove");
        let added = relate(&member, &a, kind, &b).await;
        let before = app.database.snapshot(&[]).await;
        let again = relate(&member, &a, kind, &b).await;
        assert_eq!(again.expect(200), added.expect(200));
        assert_eq!(again.etag(), added.etag());
        assert_eq!(app.database.snapshot(&[]).await, before, "{kind}: nothing to add");
        member.delete(&path).await.expect(204);
        let (a, b) = (read(&member, &a).await, read(&member, &b).await);
        let none = json!({
            "blocks": [], "blockedBy": [], "relatesTo": [], "duplicates": [], "duplicateOf": null,
        });
        assert_eq!((&a["relations"], &b["relations"]), (&none, &none));
        assert_eq!((&a["openBlockers"], &b["openBlockers"]), (&json!(0), &json!(0)));
        assert_eq!((&a["version"], &b["version"]), (&json!(3), &json!(3)));
        for end in [&a, &b] {
            assert_eq!(newest_change(&member, end).await[0], "task_relation_remove");
        }
        let before = app.database.snapshot(&[]).await;
        member.delete(&path).await.expect(204);
        assert_eq!(app.database.snapshot(&[]).await, before, "{kind}: removed already");
    }
    let removed = said(&app, "planning.task.relation_removed").await;
    let kinds: Vec<&str> = removed.iter().map(|data| data["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["blocks", "blocks", "relates_to", "duplicate_of"]);
}

#[tokio::test]
async fn keys_name_both_tasks_too() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let all = tasks(&member, &id, 2).await;
    let path = "/api/v1/planning/tasks/web-1/relations/relates-to/WEB-2";
    let related = put(&member, path).await.expect(200);
    assert_eq!(related["relations"]["relatesTo"], ids([&all[1]]));
    assert_eq!(read(&member, &all[1]).await["relations"]["relatesTo"], ids([&all[0]]));
    member.delete("/api/v1/planning/tasks/WEB-2/relations/relates-to/web-1").await.expect(204);
    assert_eq!(read(&member, &all[0]).await["relations"]["relatesTo"], json!([]));
}

#[tokio::test]
async fn what_makes_no_relation_is_refused() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let all = tasks(&member, &id, 2).await;
    let before = app.database.snapshot(&[]).await;
    for kind in ["duplicates", "blocked_by", "parent", "x"] {
        relate(&member, &all[0], kind, &all[1]).await.expect_problem(400, "invalid_request");
    }
    for kind in ["blocks", "blocked-by", "relates-to", "duplicate-of"] {
        let itself = relate(&member, &all[0], kind, &all[0]).await;
        let problem = itself.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["code"], "not_allowed", "{problem}");
        let nobody = format!("{}/relations/{kind}/WEB-99", path_of(&all[0]));
        put(&member, &nobody).await.expect_problem(404, "not_found");
        let nobody = json!({ "id": "task_01h455vb4pex5vsknk084sn02q" });
        relate(&member, &all[0], kind, &nobody).await.expect_problem(404, "not_found");
        relate(&member, &nobody, kind, &all[0]).await.expect_problem(404, "not_found");
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_cycle_is_refused_with_its_keys() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, api) = (project(&owner, "WEB").await, project(&owner, "APP").await);
    let a = task(&owner, &web, "a").await;
    let b = task(&owner, &api, "b").await;
    let c = task(&owner, &web, "c").await;
    let d = task(&owner, &api, "d").await;
    relate(&owner, &a, "blocks", &b).await.expect(200);
    let two = relate(&owner, &b, "blocks", &a).await;
    let problem = two.expect_problem(409, "relation_cycle");
    assert_eq!(problem["cycle"], json!(["APP-1", "WEB-1", "APP-1"]));
    relate(&owner, &b, "blocks", &c).await.expect(200);
    relate(&owner, &c, "blocks", &d).await.expect(200);
    // A detour that is longer is not the one that is told.
    let e = task(&owner, &web, "e").await;
    relate(&owner, &a, "blocks", &e).await.expect(200);
    relate(&owner, &e, "blocks", &b).await.expect(200);
    let before = app.database.snapshot(&[]).await;
    let around = json!(["APP-2", "WEB-1", "APP-1", "WEB-2", "APP-2"]);
    let problem = relate(&owner, &d, "blocks", &a).await.expect_problem(409, "relation_cycle");
    assert_eq!(problem["cycle"], around);
    let problem = relate(&owner, &a, "blocked-by", &d).await.expect_problem(409, "relation_cycle");
    assert_eq!(problem["cycle"], around);
    assert_eq!(app.database.snapshot(&[]).await, before);
    // The way leads through what is deleted, too: it can come back.
    owner.delete(&path_of(&b)).await.expect(204);
    let problem = relate(&owner, &d, "blocks", &a).await.expect_problem(409, "relation_cycle");
    assert_eq!(problem["cycle"], around);
    owner.post(&format!("{}/restore", path_of(&b)), json!({})).await.expect(200);
    owner.delete(&relation_path(&b, "blocks", &c)).await.expect(204);
    relate(&owner, &d, "blocks", &a).await.expect(200);
    // Other kinds know no direction.
    relate(&owner, &a, "relates-to", &d).await.expect(200);
}

#[tokio::test]
async fn relations_are_listed_by_kind_with_the_tasks_at_their_other_ends() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let all = tasks(&owner, &web, 6).await;
    let elsewhere = task(&owner, &far, "far").await;
    relate(&owner, &all[0], "relates-to", &elsewhere).await.expect(200);
    relate(&owner, &all[0], "relates-to", &all[1]).await.expect(200);
    relate(&owner, &all[0], "blocked-by", &all[2]).await.expect(200);
    relate(&owner, &all[0], "blocks", &all[3]).await.expect(200);
    relate(&owner, &all[4], "duplicate-of", &all[0]).await.expect(200);
    relate(&owner, &all[0], "duplicate-of", &all[5]).await.expect(200);
    let of = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(kind, number)| ((*kind).to_owned(), *number)).collect()
    };
    let expected = of(&[
        ("blocks", 4),
        ("blocked_by", 3),
        ("relates_to", 1),
        ("relates_to", 2),
        ("duplicate_of", 6),
    ]);
    assert_eq!(listed(&owner, &all[0]).await, expected);
    let page = owner.get(&format!("{}/relations", path_of(&all[0]))).await.expect(200);
    assert!(page["nextCursor"].is_null());
    let other = &page["items"][2]["task"];
    assert_eq!(other["id"], elsewhere["id"]);
    for absent in ["description", "acceptanceCriteria", "blockedReason", "relations"] {
        assert!(other.get(absent).is_none(), "{absent}");
    }
    assert_eq!(
        listed(&owner, &all[5]).await,
        of(&[("duplicates", 5), ("duplicates", 1)].map(|x| x))
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    // Deleted tasks and those of deleted projects are left out, and come back.
    owner.delete(&path_of(&all[1])).await.expect(204);
    let of_far = format!("/api/v1/planning/projects/{far}");
    owner.post(&format!("{of_far}/archive"), json!({})).await.expect(200);
    owner.delete(&of_far).await.expect(204);
    let present = of(&[("blocks", 4), ("blocked_by", 3), ("duplicate_of", 6)]);
    assert_eq!(listed(&owner, &all[0]).await, present);
    owner.post(&format!("{}/restore", path_of(&all[1])), json!({})).await.expect(200);
    owner.post(&format!("{of_far}/restore"), json!({})).await.expect(200);
    assert_eq!(listed(&owner, &all[0]).await, expected);
}

#[tokio::test]
async fn either_end_has_its_limit() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let all = tasks(&member, &id, 53).await;
    for (kind, inverse, max) in [
        ("blocks", "blocked-by", 40),
        ("blocked-by", "blocks", 40),
        ("relates-to", "relates-to", 50),
    ] {
        let center = task(&member, &id, kind).await;
        for other in &all[..max] {
            relate(&member, &center, kind, other).await.expect(200);
        }
        let before = app.database.snapshot(&[]).await;
        let problem =
            relate(&member, &center, kind, &all[max]).await.expect_problem(409, "limit_reached");
        assert_eq!(problem["max"], max);
        assert!(problem["limit"].is_string());
        relate(&member, &all[max + 1], inverse, &center).await.expect_problem(409, "limit_reached");
        // What is there already is no one more.
        relate(&member, &center, kind, &all[0]).await.expect(200);
        assert_eq!(app.database.snapshot(&[]).await, before);
        member.delete(&relation_path(&center, kind, &all[0])).await.expect(204);
        relate(&member, &center, kind, &all[max]).await.expect(200);
        for other in &all[1..=max] {
            member.delete(&relation_path(&center, kind, other)).await.expect(204);
        }
    }
}

#[tokio::test]
async fn an_archived_end_keeps_its_relations() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, old) = (project(&owner, "WEB").await, project(&owner, "OLD").await);
    let (a, b) = (task(&owner, &web, "a").await, task(&owner, &old, "b").await);
    let c = task(&owner, &old, "c").await;
    for kind in ["blocks", "relates-to", "duplicate-of"] {
        relate(&owner, &a, kind, &b).await.expect(200);
    }
    owner.post(&format!("/api/v1/planning/projects/{old}/archive"), json!({})).await.expect(200);
    let before = app.database.snapshot(&[]).await;
    for kind in ["blocks", "blocked-by", "relates-to", "duplicate-of"] {
        for (from, to) in [(&a, &c), (&c, &a)] {
            relate(&owner, from, kind, to).await.expect_problem(409, "project_archived");
        }
    }
    for kind in ["blocks", "relates-to", "duplicate-of"] {
        let removal = owner.delete(&relation_path(&a, kind, &b)).await;
        removal.expect_problem(409, "project_archived");
    }
    let removal = owner.delete(&relation_path(&b, "blocked-by", &a)).await;
    removal.expect_problem(409, "project_archived");
    assert_eq!(app.database.snapshot(&[]).await, before);
    // What follows from a change elsewhere is counted, archived or not.
    let reopened = go(&owner, &a, &["to_do"]).await;
    assert_eq!(reopened["state"], "to_do");
    assert_eq!(read(&owner, &b).await["openBlockers"], 1);
}

#[tokio::test]
async fn relations_to_what_is_deleted_are_kept() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 3).await;
    relate(&owner, &all[0], "blocks", &all[1]).await.expect(200);
    owner.delete(&path_of(&all[1])).await.expect(204);
    // Nothing new at an end that is deleted; what is there can be taken away.
    for (from, to) in [(&all[1], &all[2]), (&all[2], &all[1])] {
        relate(&owner, from, "relates-to", to).await.expect_problem(404, "not_found");
    }
    assert_eq!(read(&owner, &all[0]).await["relations"]["blocks"], ids([&all[1]]));
    let removal = owner.delete(&relation_path(&all[1], "blocked-by", &all[0])).await;
    removal.expect_problem(404, "not_found");
    owner.delete(&relation_path(&all[0], "blocks", &all[1])).await.expect(204);
    let back = owner.post(&format!("{}/restore", path_of(&all[1])), json!({})).await.expect(200);
    assert_eq!((&back["relations"]["blockedBy"], &back["openBlockers"]), (&json!([]), &json!(0)));
}
