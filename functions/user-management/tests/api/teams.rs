//! /teams

use axum::http::Method;
use futures::future::join;
use millwright_testkit::{Answer, Client};
use serde_json::{Value, json};

use crate::{Home, app, crowd, persistent, said, token, user_id};

const PATH: &str = "/api/v1/teams";

async fn team(client: &Client, name: &str, parent: Option<&Value>) -> Value {
    let body = json!({ "name": name, "parentTeamId": parent.map(|it| it["id"].clone()) });
    client.post(PATH, body).await.expect(201)
}

fn path_of(team: &Value) -> String {
    format!("{PATH}/{}", team["id"].as_str().unwrap())
}

async fn put(client: &Client, team: &Value, number: u128, role: &str) -> Answer {
    let path = format!("{}/members/{}", path_of(team), user_id(number));
    let json = [("content-type", "application/json")];
    client.send(Method::PUT, &path, &json, json!({ "role": role }).to_string()).await
}

fn names(listed: &Value) -> Vec<&str> {
    listed["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn teams_form_a_tree() {
    let app = app().await;
    let home = Home::found(&app).await;
    let owner = &home.founder;
    let top = team(owner, "Engines", None).await;
    let below = team(owner, "Mills", Some(&top)).await;
    team(owner, "mills", None).await;
    let twice = json!({ "name": "MILLS", "parentTeamId": top["id"] });
    owner.post(PATH, twice).await.expect_problem(409, "name_taken");
    assert_eq!(names(&owner.get(PATH).await.expect(200)), ["Engines", "Mills", "mills"]);
    let root = owner.get(&format!("{PATH}?parentTeamId=root")).await.expect(200);
    assert_eq!(names(&root), ["Engines", "mills"]);
    let of_top = format!("{PATH}?parentTeamId={}", top["id"].as_str().unwrap());
    assert_eq!(names(&owner.get(&of_top).await.expect(200)), ["Mills"]);
    assert_eq!(owner.get(&path_of(&below)).await.expect(200)["depth"], 2);
    owner.delete(&path_of(&top)).await.expect_problem(409, "team_has_subteams");
    let moved = json!({ "parentTeamId": null });
    owner.patch(&path_of(&below), moved).await.expect_problem(409, "name_taken");
    let moved = json!({ "parentTeamId": null, "name": "Gears" });
    assert_eq!(owner.patch(&path_of(&below), moved).await.expect(200)["depth"], 1);
    owner.delete(&path_of(&top)).await.expect(204);
    owner.delete(&path_of(&top)).await.expect(204);
    owner.get(&path_of(&top)).await.expect_problem(404, "not_found");
    let limits = owner.get(&home.at("/limits")).await.expect(200);
    assert_eq!(limits["teams"]["used"], 2);
    assert_eq!(said(&app, "teams.team.moved").await.len(), 1);
}

#[tokio::test]
async fn a_chain_has_five_links() {
    let app = app().await;
    let home = Home::found(&app).await;
    let mut last = team(&home.founder, "1", None).await;
    let first = last.clone();
    for name in ["2", "3", "4", "5"] {
        last = team(&home.founder, name, Some(&last)).await;
    }
    let sixth = json!({ "name": "6", "parentTeamId": last["id"] });
    home.founder.post(PATH, sixth).await.expect_problem(409, "team_too_deep");
    let circle = json!({ "parentTeamId": last["id"] });
    home.founder.patch(&path_of(&first), circle).await.expect_problem(409, "team_cycle");
    let nowhere = json!({ "name": "X", "parentTeamId": "team_01jdz7xk2nf5h9vq3w8c6m4t0b" });
    home.founder.post(PATH, nowhere).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn two_teams_never_stand_below_each_other() {
    let (app, instances) = crowd(2).await;
    let home = Home::found(&app).await;
    let (a, b) = (team(&home.founder, "A", None).await, team(&home.founder, "B", None).await);
    for round in 0..100 {
        let one = token(&instances[0], home.id, user_id(1), "owner");
        let two = token(&instances[1], home.id, user_id(1), "owner");
        let below = async |client: &Client, team: &Value, parent: &Value| {
            let body = json!({ "parentTeamId": parent["id"] });
            persistent(async || client.patch(&path_of(team), body.clone()).await).await
        };
        let (first, second) = join(below(&one, &a, &b), below(&two, &b, &a)).await;
        let won = [&first, &second].iter().filter(|it| it.status == 200).count();
        assert_eq!(won, 1, "round {round}: {first:?} {second:?}");
        let moved = if first.status == 200 { &a } else { &b };
        home.founder.patch(&path_of(moved), json!({ "parentTeamId": null })).await.expect(200);
    }
}

#[tokio::test]
async fn leads_lead_what_is_theirs() {
    let app = app().await;
    let home = Home::found(&app).await;
    let top = team(&home.founder, "Top", None).await;
    let below = team(&home.founder, "Below", Some(&top)).await;
    let other = team(&home.founder, "Other", None).await;
    let lead = home.member(&app, 2, "member").await;
    home.member(&app, 3, "member").await;
    put(&lead, &below, 3, "member").await.expect_problem(403, "forbidden");
    put(&home.founder, &top, 2, "lead").await.expect(201);
    put(&lead, &below, 3, "member").await.expect(201);
    assert_eq!(put(&lead, &below, 3, "lead").await.expect(200)["version"], 2);
    put(&lead, &other, 3, "member").await.expect_problem(403, "forbidden");
    put(&lead, &below, 9, "member").await.expect_problem(409, "not_a_member");
    lead.patch(&path_of(&below), json!({ "name": "Renamed" })).await.expect(200);
    let up = json!({ "parentTeamId": null });
    lead.patch(&path_of(&below), up).await.expect_problem(403, "forbidden");
    lead.delete(&path_of(&below)).await.expect_problem(403, "forbidden");
    let listed = lead.get(&format!("{}/members", path_of(&below))).await.expect(200);
    assert_eq!(listed["items"][0]["user"]["displayName"], "User 3");
    let third = token(&app, home.id, user_id(3), "member");
    let of_third = third.get(&format!("{}/teams", home.member_path(3))).await.expect(200);
    assert_eq!(of_third["items"], json!([{ "teamId": below["id"], "role": "lead" }]));
    assert_eq!(of_third["ancestorTeamIds"], json!([top["id"]]));
    let own = format!("{}/members/{}", path_of(&below), user_id(3));
    third.delete(&own).await.expect(204);
    third.delete(&own).await.expect(204);
    let added = said(&app, "teams.member.added").await;
    assert_eq!(added[1]["ancestorTeamIds"], json!([top["id"]]));
}

#[tokio::test]
async fn who_leaves_leaves_thirty_teams() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "member").await;
    let mut last = Value::Null;
    for number in 0..31 {
        last = team(&home.founder, &format!("Team {number}"), None).await;
        let added = put(&home.founder, &last, 2, "member").await;
        match number {
            30 => drop(added.expect_problem(409, "team_limit_reached")),
            _ => drop(added.expect(201)),
        }
    }
    home.founder.delete(&home.member_path(2)).await.expect(204);
    let removed = said(&app, "users.membership.removed").await;
    assert_eq!(removed[0]["teamIds"].as_array().unwrap().len(), 30);
    let left = app.database.items().await;
    assert!(!left.iter().any(|item| item.kind() == "team_member"));
    home.rejoin(&app, 2, "member").await;
    put(&home.founder, &last, 2, "member").await.expect(201);
    home.founder.delete(&path_of(&last)).await.expect(204);
    let mine = home.founder.get(&format!("{PATH}?userId={}", user_id(2))).await.expect(200);
    assert!(names(&mine).is_empty());
}
