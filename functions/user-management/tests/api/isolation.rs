//! Two organizations: whoever is in the one meets nothing of the other, whatever ids they know.

use axum::http::Method;
use millwright_manifest::{Access, Operation};
use millwright_testkit::{Answer, Client, TestApp};
use serde_json::{Value, json};
use user_management::seed;

use crate::{
    Home, ORGANIZATIONS, app,
    invitations::{PATH as INVITATIONS, invite},
    token, user, user_id,
};

/// Known to nobody but those in it.
const SECRETS: [&str; 5] =
    ["Quillmakers", "user1@example.com", "user3@example.com", "Nibsmiths", "Inkreaders"];

/// What is there in an organization, by the parameter of a path that names it.
struct Things {
    home: Home,
    member: u128,
    role: Value,
    team: Value,
    invitation: Value,
    batch: Value,
    export: String,
}

impl Things {
    async fn furnish(app: &TestApp, founder: u128, [name, team, role]: [&str; 3]) -> Things {
        let home = Home::founded_by(app, &user(app, founder).await, name).await;
        let owner = &home.founder;
        home.member(app, founder + 2, "viewer").await;
        let role = json!({ "name": role, "permissions": ["users.user.read"] });
        let role = owner.post(&home.at("/roles"), role).await.expect(201);
        let team = owner.post("/api/v1/teams", json!({ "name": team })).await.expect(201);
        let rows = json!({ "rows": [{ "email": format!("row{founder}@example.com") }] });
        let batch = owner.post("/api/v1/invitations/batches", rows).await.expect(202);
        let store = app.database.store();
        let export = seed::export(&store, user_id(founder), Some(home.id)).await.unwrap();
        let invitation = invite(owner, founder + 50).await;
        let (member, export) = (founder + 2, export.to_string());
        Things { member, role, team, invitation, batch, export, home }
    }

    fn id(&self, parameter: &str) -> String {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match parameter {
            "{organizationId}" => self.home.id.to_string(),
            "{userId}" => user_id(self.member).to_string(),
            "{roleId}" => text(&self.role["id"]),
            "{teamId}" => text(&self.team["id"]),
            "{invitationId}" => text(&self.invitation["id"]),
            "{batchId}" => text(&self.batch["id"]),
            "{exportId}" => self.export.clone(),
            "{slug}" => "quillmakers".to_owned(),
            other => panic!("{other} is new: say what it is here"),
        }
    }

    /// The path of an operation: the organization of `own`, if that is said, and everything else of
    /// these.
    fn path(&self, template: &str, own: Option<&Home>) -> String {
        let segment = |segment: &str| match (segment, own) {
            ("{organizationId}", Some(own)) => own.id.to_string(),
            (parameter, _) if parameter.starts_with('{') => self.id(parameter),
            (literal, _) => literal.to_owned(),
        };
        template.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

/// A body that is right but for the ids of `theirs` in it.
fn body(operation: &str, theirs: &Things) -> Value {
    let role = theirs.role["id"].clone();
    match operation {
        "member_update" => json!({ "roleId": role }),
        "ownership_transfer" => json!({ "userId": user_id(theirs.member) }),
        "role_update" | "team_update" | "organization_update" => json!({ "name": "X" }),
        "role_create" => json!({ "name": "X", "permissions": ["users.user.read"] }),
        "settings_update" => json!({ "language": "de" }),
        "security_update" => json!({ "apiKeyMaxLifetimeDays": 30 }),
        "team_member_put" => json!({ "role": "lead" }),
        "team_member_batch" => {
            json!({ "items": [{ "userId": user_id(theirs.member), "role": "lead" }] })
        }
        _ => json!({}),
    }
}

async fn call(client: &Client, operation: &Operation, path: &str, body: Value) -> Answer {
    let method: Method = operation.method.as_str().parse().unwrap();
    let (headers, body) = match method {
        Method::GET | Method::DELETE => (Vec::new(), String::new()),
        _ => (vec![("content-type", "application/json")], body.to_string()),
    };
    client.send(method, path, &headers, body).await
}

#[track_caller]
fn tells_nothing(what: &str, answer: &Answer) {
    for secret in SECRETS {
        assert!(!answer.text.contains(secret), "{what} tells {secret}: {answer:?}");
    }
}

/// What anybody leaves behind by asking.
const OF_DENIALS: [&str; 2] = ["denial", "outbox"];

async fn both(app: &TestApp) -> (Things, Things) {
    let theirs = Things::furnish(app, 1, ["Quillmakers", "Nibsmiths", "Inkreaders"]).await;
    let ours = Things::furnish(app, 101, ["Ours", "Our team", "Our role"]).await;
    (theirs, ours)
}

/// Every operation whose path names something, with everything of the other organization, and with
/// one's own organization and everything else of the other.
#[tokio::test]
async fn ids_of_another_organization_lead_nowhere() {
    let app = app().await;
    let (theirs, ours) = both(&app).await;
    let owner = &ours.home.founder;
    let before = app.database.snapshot(&OF_DENIALS).await;
    let mut tried = 0;
    for operation in &user_management::service().operations {
        let path = &operation.path;
        let is_open = matches!(operation.access, Access::Operator | Access::Public);
        let is_service = operation
            .permission()
            .is_some_and(|permission| permission.grantable != millwright_identity::Grantable::Role);
        if !path.contains('{') || is_open || is_service {
            continue;
        }
        let mut paths = vec![theirs.path(path, None)];
        if path.contains("{organizationId}/") && path.matches('{').count() > 1 {
            paths.push(theirs.path(path, Some(&ours.home)));
        }
        for path in paths {
            let confirm =
                if operation.name == "organization_delete" { "?confirm=quillmakers" } else { "" };
            let path = format!("{path}{confirm}");
            let answer = call(owner, operation, &path, body(operation.name, &theirs)).await;
            answer.expect_problem(404, "not_found");
            tells_nothing(&path, &answer);
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
    assert_eq!(app.database.snapshot(&OF_DENIALS).await, before, "nothing changed");
}

/// One's own things, with ids of the other organization in bodies and filters.
#[tokio::test]
async fn ids_of_another_organization_attach_nothing() {
    let app = app().await;
    let (theirs, ours) = both(&app).await;
    let (home, owner) = (&ours.home, &ours.home.founder);
    let (role, team) = (theirs.role["id"].clone(), theirs.team["id"].clone());
    let stranger = json!(user_id(theirs.member));
    let own_team = format!("/api/v1/teams/{}", ours.team["id"].as_str().unwrap());
    let before = app.database.snapshot(&OF_DENIALS).await;
    let post = async |path: &str, body: Value| owner.post(path, body).await;
    let name = json!({ "name": "X", "copyFromRoleId": role });
    let email = json!({ "email": "new@example.com", "roleId": role });
    let into_team = json!({ "email": "new@example.com", "teamIds": [team] });
    let to_stranger = json!({ "userId": stranger });
    for (answer, status, code) in [
        (post(&home.at("/roles"), name).await, 404, "not_found"),
        (owner.patch(&home.member_path(103), json!({ "roleId": role })).await, 404, "not_found"),
        (
            owner.patch(&home.at("/settings"), json!({ "invitationRoleId": role })).await,
            404,
            "not_found",
        ),
        (post(INVITATIONS, email).await, 404, "not_found"),
        (post(INVITATIONS, into_team).await, 404, "not_found"),
        (
            post("/api/v1/teams", json!({ "name": "X", "parentTeamId": team })).await,
            404,
            "not_found",
        ),
        (owner.patch(&own_team, json!({ "parentTeamId": team })).await, 404, "not_found"),
        (post(&home.at("/transfer-ownership"), to_stranger).await, 409, "not_a_member"),
        (
            post(
                &home.at("/transfer-ownership"),
                json!({ "userId": user_id(103), "keepRoleId": role }),
            )
            .await,
            404,
            "not_found",
        ),
        (
            app.person(101)
                .patch("/api/v1/users/me", json!({ "defaultOrganizationId": theirs.home.id }))
                .await,
            409,
            "not_a_member",
        ),
    ] {
        answer.expect_problem(status, code);
        tells_nothing(code, &answer);
    }
    let put = format!("{own_team}/members/{}", user_id(theirs.member));
    let json_type = [("content-type", "application/json")];
    let answer = owner.send(Method::PUT, &put, &json_type, json!({ "role": "lead" }).to_string());
    answer.await.expect_problem(409, "not_a_member");
    let rows = json!({ "items": [{ "userId": stranger, "role": "lead" }] });
    let answer = post(&format!("{own_team}/members/batch"), rows).await;
    assert_eq!(answer.expect(200)["results"][0]["status"], 409);
    tells_nothing("team_member_batch", &answer);
    // Names of theirs mean nothing here.
    let rows = json!({ "dryRun": true, "rows": [
        { "email": "a@example.com", "role": "Inkreaders" },
        { "email": "b@example.com", "teamNames": ["Nibsmiths"] },
        { "email": "user51@example.com" },
    ] });
    let rehearsal = post("/api/v1/invitations/batches", rows).await.expect(200);
    let codes: Vec<&Value> =
        rehearsal["rows"].as_array().unwrap().iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, [&json!("unknown_role"), &json!("unknown_team"), &Value::Null]);
    let ids = json!({ "ids": [user_id(1), user_id(theirs.member)] });
    let found = post("/api/v1/users/lookup", ids).await.expect(200);
    assert!(found["items"].as_array().unwrap().is_empty());
    let why = json!({ "permission": "users.user.read", "userId": stranger });
    let explained = post("/api/v1/permissions/explain", why).await;
    tells_nothing("permission_explain", &explained);
    if explained.status == 200 {
        assert_eq!(explained.json()["allow"], false, "nobody is known here who is not");
    }
    assert_eq!(app.database.snapshot(&OF_DENIALS).await, before, "nothing changed");
}

/// Lists show what is one's own, whatever they are filtered by.
#[tokio::test]
async fn lists_show_nothing_of_another_organization() {
    let app = app().await;
    let (theirs, ours) = both(&app).await;
    let owner = &ours.home.founder;
    let (role, team) = (theirs.id("{roleId}"), theirs.id("{teamId}"));
    let stranger = user_id(theirs.member);
    let at = |rest: &str| ours.home.at(rest);
    let mut lists = vec![
        (at("/members"), 2),
        (at(&format!("/members?roleId={role}")), 0),
        (at("/members?q=user3@"), 0),
        (at("/roles"), 5),
        (at("/data-exports"), 1),
        (INVITATIONS.to_owned(), 1),
        (format!("{INVITATIONS}?roleId={role}"), 0),
        (format!("{INVITATIONS}?email=user51@example.com"), 0),
        (format!("{INVITATIONS}/batches"), 1),
        ("/api/v1/teams".to_owned(), 1),
        (format!("/api/v1/teams?parentTeamId={team}"), 0),
        (format!("/api/v1/teams?userId={stranger}"), 0),
        ("/api/v1/teams?q=Nib".to_owned(), 0),
    ];
    for (path, count) in lists.drain(..) {
        let answer = owner.get(&path).await;
        tells_nothing(&path, &answer);
        assert_eq!(answer.expect(200)["items"].as_array().unwrap().len(), count, "{path}");
    }
    let of_team = owner.get(&at(&format!("/members?teamId={team}"))).await;
    tells_nothing("teamId", &of_team);
    assert!(of_team.status == 404 || of_team.json()["items"] == json!([]), "{of_team:?}");
    let me = app.person(101);
    for path in [ORGANIZATIONS, "/api/v1/users/me/invitations", "/api/v1/users/me/data-exports"] {
        tells_nothing(path, &me.get(path).await);
    }
    // A cursor of theirs is none of ours.
    let page = theirs.home.founder.get(&theirs.home.at("/members?limit=1")).await.expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let answer = owner.get(&at(&format!("/members?limit=1&cursor={cursor}"))).await;
    answer.expect_problem(400, "invalid_request");
}

/// Who belongs to both acts in the one that the credential names; of the other there is only what
/// looks at the membership.
#[tokio::test]
async fn a_credential_is_good_for_one_organization() {
    let app = app().await;
    let (theirs, ours) = both(&app).await;
    theirs.home.rejoin(&app, 101, "owner").await;
    let owner = token(&app, ours.home.id, user_id(101), "owner");
    for operation in &user_management::service().operations {
        let is_restricted = operation
            .permission()
            .is_some_and(|permission| permission.grantable == millwright_identity::Grantable::Role);
        let is_in_path = operation.path.contains("{organizationId}");
        // Their owner deletes nothing by a token for us.
        if !is_restricted || !is_in_path {
            continue;
        }
        let mut path = theirs.path(&operation.path, None);
        if operation.name == "organization_delete" {
            path.push_str("?confirm=quillmakers");
        }
        let answer = call(&owner, operation, &path, body(operation.name, &theirs)).await;
        answer.expect_problem(404, "not_found");
    }
    let found = owner.get("/api/v1/organizations/by-slug/quillmakers").await.expect(200);
    assert_eq!(found["organizationId"], json!(theirs.home.id));
    owner.post(&theirs.home.at("/leave"), json!({})).await.expect(204);
}
