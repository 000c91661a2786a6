//! Members of teams: many at once, of subteams, by invitation.

use axum::http::Method;
use futures::future::join_all;
use millwright_testkit::{Answer, Client};
use serde_json::{Value, json};

use crate::{
    Home, app,
    consistency::consistent,
    crowd,
    invitations::{ACCEPT, PATH as INVITATIONS, token_of},
    persistent, said, token, user, user_id,
};

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

fn numbers(listed: &Value) -> Vec<String> {
    let of = |item: &Value| item["userId"].as_str().unwrap().to_owned();
    listed["items"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn many_are_put_into_a_team_each_for_itself() {
    let app = app().await;
    let home = Home::found(&app).await;
    for number in 2..6 {
        home.member(&app, number, "viewer").await;
    }
    let engines = team(&home.founder, "Engines", None).await;
    put(&home.founder, &engines, 2, "member").await.expect(201);
    let path = format!("{}/members/batch", path_of(&engines));
    let row = |number: u128, role: &str| json!({ "userId": user_id(number), "role": role });
    let body = json!({ "items": [
        row(2, "lead"), row(3, "member"), row(99, "member"), { "userId": "x" }, row(3, "member"),
        { "userId": user_id(4) },
    ] });
    let headers = [("idempotency-key", "the-team")];
    let answer = home.founder.post_with(&path, &headers, body.clone()).await.expect(200);
    let statuses: Vec<u64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 201, 409, 400, 200, 201]);
    assert_eq!(answer["results"][2]["problem"]["code"], "not_a_member");
    let again = home.founder.post_with(&path, &headers, body.clone()).await.expect(200);
    assert_eq!(again, answer);
    assert_eq!(said(&app, "teams.member.added").await.len(), 3);
    let viewer = token(&app, home.id, user_id(5), "viewer");
    viewer.post(&path, body.clone()).await.expect_problem(403, "forbidden");
    let lead = token(&app, home.id, user_id(2), "viewer");
    lead.post(&path, json!({ "items": [row(5, "member")] })).await.expect(200);
    let empty = home.founder.post(&path, json!({ "items": [] })).await;
    empty.expect_problem(400, "invalid_request");
    let none = path.replace("/team_0", "/team_7");
    home.founder.post(&none, body).await.expect_problem(404, "not_found");
    let listed = home.founder.get(&format!("{}/members", path_of(&engines))).await.expect(200);
    assert_eq!(numbers(&listed).len(), 4);
}

#[tokio::test]
async fn members_of_subteams_count_as_members() {
    let app = app().await;
    let home = Home::found(&app).await;
    for number in 2..6 {
        home.member(&app, number, "viewer").await;
    }
    let top = team(&home.founder, "Engines", None).await;
    let below = team(&home.founder, "Mills", Some(&top)).await;
    let lowest = team(&home.founder, "Gears", Some(&below)).await;
    for (team, number, role) in
        [(&top, 2, "lead"), (&below, 3, "member"), (&lowest, 4, "lead"), (&lowest, 2, "member")]
    {
        put(&home.founder, team, number, role).await.expect(201);
    }
    let members = format!("{}/members", path_of(&top));
    let direct = home.founder.get(&members).await.expect(200);
    assert_eq!(numbers(&direct), [user_id(2).to_string()]);
    let all = home.founder.get(&format!("{members}?includeSubteams=true")).await.expect(200);
    assert_eq!(numbers(&all), [2, 3, 4].map(|number| user_id(number).to_string()));
    assert_eq!(all["items"][0]["role"], "lead", "the nearest team says what one is");
    let leads = format!("{members}?includeSubteams=true&role=lead");
    assert_eq!(numbers(&home.founder.get(&leads).await.expect(200)).len(), 2);
    let of_team = home.at(&format!("/members?teamId={}", lowest["id"].as_str().unwrap()));
    let listed = home.founder.get(&of_team).await.expect(200);
    assert_eq!(numbers(&listed), [2, 4].map(|number| user_id(number).to_string()));
    // In pages: the same, each once.
    for limit in [1, 2] {
        let pages = home.founder.all(&format!("{members}?includeSubteams=true"), limit).await;
        let pages: Vec<&str> = pages.iter().map(|it| it["userId"].as_str().unwrap()).collect();
        assert_eq!(pages, numbers(&all));
    }
    let foreign = format!("{}/members?includeSubteams=true&limit=1", path_of(&below));
    let cursor = home.founder.get(&foreign).await.expect(200)["nextCursor"].clone();
    let foreign = format!("{members}?limit=1&cursor={}", cursor.as_str().unwrap());
    home.founder.get(&foreign).await.expect_problem(400, "invalid_request");
    let with_name = format!("{of_team}&q=User%204");
    assert_eq!(numbers(&home.founder.get(&with_name).await.expect(200)).len(), 1);
}

#[tokio::test]
async fn an_invitation_leads_into_teams() {
    let app = app().await;
    let home = Home::found(&app).await;
    let stays = team(&home.founder, "Engines", None).await;
    let goes = team(&home.founder, "Mills", None).await;
    let body = json!({ "email": "user2@example.com", "teamIds": [stays["id"], goes["id"]] });
    let sent = home.founder.post(INVITATIONS, body).await.expect(201);
    assert_eq!(sent["teamIds"], json!([stays["id"], goes["id"]]));
    home.founder.delete(&path_of(&goes)).await.expect(204);
    let gone = json!({ "email": "user3@example.com", "teamIds": [goes["id"]] });
    home.founder.post(INVITATIONS, gone).await.expect_problem(404, "not_found");
    user(&app, 2).await.post(ACCEPT, token_of(&sent)).await.expect(200);
    let teams = home.founder.get(&format!("{}/teams", home.member_path(2))).await.expect(200);
    assert_eq!(teams["items"], json!([{ "teamId": stays["id"], "role": "member" }]));
    let joined = said(&app, "users.membership.created").await;
    assert_eq!(joined.last().unwrap()["teamIds"], json!([stays["id"]]));
    app.person(2).post(&home.at("/leave"), json!({})).await.expect(204);
    let left = said(&app, "users.membership.removed").await;
    assert_eq!(left[0]["teamIds"], json!([stays["id"]]));
    let listed = home.founder.get(&format!("{}/members", path_of(&stays))).await.expect(200);
    assert_eq!(numbers(&listed).len(), 0);
    let items = app.database.items().await;
    assert_eq!(items.iter().filter(|item| item.kind() == "former_membership").count(), 1);
}

/// 32 people join by a link while its team is deleted: nobody is in a team that is gone.
#[tokio::test]
async fn nobody_joins_a_team_that_goes() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    let allow = json!({ "linkInvitationsAllowed": true });
    home.founder.patch(&home.at("/security-settings"), allow).await.expect(200);
    let engines = team(&home.founder, "Engines", None).await;
    let body = json!({ "type": "link", "maxUses": 100, "teamIds": [engines["id"]] });
    let sent = home.founder.post(INVITATIONS, body).await.expect(201);
    for number in 2..34 {
        user(&app, number).await;
    }
    let joining = join_all((2..34_u128).map(|number| {
        let person = instances[usize::try_from(number).unwrap() % 8].person(number);
        let body = token_of(&sent);
        async move { persistent(async || person.post(ACCEPT, body.clone()).await).await }
    }));
    let owner = token(&app, home.id, user_id(1), "owner");
    let deleting = persistent(async || owner.delete(&path_of(&engines)).await);
    let (joined, deleted) = futures::future::join(joining, deleting).await;
    assert!(joined.iter().all(|answer| answer.status == 200), "{joined:?}");
    deleted.expect(204);
    let items = app.database.items().await;
    assert!(!items.iter().any(|item| item.kind() == "team_member"));
    consistent(&app).await;
}
