//! What auth and user-management are measured with: people who sign in at an identity provider, and
//! an organization with a full page of members.

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use millwright_bench_driver::{Carry, Provide};
use millwright_core::{Clock, Id, IdGenerator, UserId};
use reqwest::Url;
use serde_json::{Value, json};

use super::{
    run::CARRIED,
    scenario::{Repetition, Request, Scenario, Subject, World},
    stage::{Caller, SIGN_IN_CLIENT, Stage},
};

/// Of each person no more than 50 sessions are active.
const PEOPLE: usize = 64;
/// Sign-ins that wait for the answer of the provider.
const LOGINS: usize = 1_300;
/// For one process, for several, and for the first start.
const SESSIONS: usize = 3 * CARRIED;
/// Of them, no more than a person may have.
const SESSIONS_OF_ONE: usize = 5;
/// Addresses that begin to sign in, so that none does too often.
const ADDRESSES: usize = 1_024;
/// A page of them, the owner included.
const MEMBERS: usize = 50;

const BASE: &str = "/api/v1/auth";
const PAGE: &str = "http://localhost:5173";
const USER_MANAGEMENT_API: (&str, &str) = ("user-management", "user-management-api");
const LOGIN: (&str, &str) = ("auth", "auth-login");

/// Verifying a token, and nothing more.
pub const AUTH: Subject = Subject {
    service: "auth",
    function: "auth-api",
    sample: "planning-api-project-list",
    furnish: |_| Box::pin(async { Ok(World::default()) }),
    first: "principal_get",
    race: None,
    beside: &[],
    works: &[],
    scenarios: &[Scenario {
        name: "principal_get",
        status: 200,
        is_in_node: false,
        repetition: Repetition::Cycle(1),
        request: |_, _| Request::get(format!("{BASE}/me")),
    }],
};

pub const AUTH_LOGIN: Subject = Subject {
    service: "auth",
    function: "auth-login",
    sample: "planning-api-project-list",
    furnish: furnish_logins,
    first: "login_start",
    race: None,
    beside: &[USER_MANAGEMENT_API],
    works: &[],
    scenarios: &[
        Scenario {
            name: "login_start",
            status: 302,
            is_in_node: false,
            repetition: Repetition::Cycle(ADDRESSES),
            request: |_, number| login_start(number),
        },
        Scenario {
            name: "login_finish",
            status: 302,
            is_in_node: false,
            repetition: Repetition::Once("login"),
            request: |world, number| {
                let (query, cookie) = (world.id("login", number), world.id("cookie", number));
                Request::get(format!("{BASE}/callback"))
                    .query(query.to_owned())
                    .header("cookie", cookie.to_owned())
                    .at_address(number)
            },
        },
    ],
};

pub const AUTH_TOKEN: Subject = Subject {
    service: "auth",
    function: "auth-token",
    sample: "planning-api-project-list",
    furnish: furnish_sessions,
    first: "session_refresh",
    race: None,
    beside: &[USER_MANAGEMENT_API, LOGIN],
    works: &[],
    scenarios: &[Scenario {
        name: "session_refresh",
        status: 200,
        is_in_node: false,
        repetition: Repetition::Carried { pointer: "/cookies/0", first: "refresh" },
        request: |_, _| {
            Request::post(format!("{BASE}/refresh"), json!({}))
                .header("cookie", Carry::PLACE.to_owned())
                .header("origin", PAGE.to_owned())
        },
    }],
};

pub const USER_MANAGEMENT: Subject = Subject {
    service: "user-management",
    function: "user-management-api",
    sample: "planning-api-project-list",
    furnish: furnish_organization,
    first: "member_list, 50 members",
    race: None,
    beside: &[],
    works: &[],
    scenarios: &[
        Scenario {
            name: "member_list, 50 members",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(1),
            request: |world, _| {
                let organization = world.id("organization", 0);
                Request::get(format!("/api/v1/organizations/{organization}/members"))
                    .query(format!("limit={MEMBERS}"))
                    .header("authorization", world.id("owner", 0).to_owned())
            },
        },
        Scenario {
            name: "effective_permission_list",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(MEMBERS - 1),
            request: |world, number| {
                let (organization, user) = (world.id("organization", 0), world.id("user", number));
                let path = format!("/api/v1/organizations/{organization}/members/{user}");
                Request::get(format!("{path}/permissions"))
                    .header("authorization", world.id("owner", 0).to_owned())
            },
        },
    ],
};

fn login_start(number: usize) -> Request {
    let start = Request::get(format!("{BASE}/login")).query("provider=bench".to_owned());
    start.at_address(number)
}

/// A sign-in that has come back from the provider.
struct Returned {
    query: String,
    cookie: String,
}

/// Goes to the provider and has it vouch for person `number`.
async fn returned(caller: Caller<'_>, number: usize, address: usize) -> Result<Returned> {
    let answer = caller.answer(&login_start(address)).await?;
    let location = answer["headers"]["location"].as_str().context("no redirect")?;
    let location = Url::parse(location)?;
    let parameter = |name: &str| {
        let found = location.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).context("an incomplete redirect")
    };
    let (state, nonce) = (parameter("state")?, parameter("nonce")?);
    let stage = caller.stage();
    let now = Clock::system().now().as_second();
    let claims = json!({
        "iss": stage.provider(), "aud": SIGN_IN_CLIENT, "sub": format!("person-{number}"),
        "iat": now, "exp": now + 600, "nonce": nonce, "email_verified": true,
        "email": format!("person-{number}@example.org"), "name": format!("Person {number}"),
    });
    // Every nonce is another: it is the code, too.
    let page = json!({
        "id_token": stage.signed(&claims)?, "access_token": "bench", "token_type": "Bearer",
    });
    let pages = [(format!("/token/{nonce}"), page)].into();
    stage.driver.run(&Provide { pages, ..Provide::default() }).await?;
    Ok(Returned { query: format!("code={nonce}&state={state}"), cookie: cookie(&answer)? })
}

/// The first cookie that an answer sets, as it is sent back.
fn cookie(answer: &Value) -> Result<String> {
    let cookie = answer["cookies"][0].as_str().and_then(|cookie| cookie.split(';').next());
    cookie.map(str::to_owned).with_context(|| format!("no cookie in {answer}"))
}

async fn finished(caller: Caller<'_>, number: usize, address: usize) -> Result<Value> {
    let Returned { query, cookie } = returned(caller, number, address).await?;
    let finish = Request::get(format!("{BASE}/callback")).query(query).header("cookie", cookie);
    caller.answer(&finish.at_address(address)).await
}

/// Everybody has signed in before, and comes again.
fn furnish_logins(caller: Caller<'_>) -> BoxFuture<'_, Result<World>> {
    Box::pin(async move {
        let mut world = World::default();
        for number in 0..PEOPLE {
            finished(caller, number, number).await?;
        }
        for number in 0..LOGINS {
            let Returned { query, cookie } = returned(caller, number % PEOPLE, number).await?;
            world.put("login", query);
            world.put("cookie", cookie);
        }
        Ok(world)
    })
}

/// Sessions to be renewed in turns.
fn furnish_sessions(caller: Caller<'_>) -> BoxFuture<'_, Result<World>> {
    Box::pin(async move {
        let mut world = World::default();
        for number in 0..SESSIONS {
            let person = number / SESSIONS_OF_ONE;
            let answer = finished(caller.beside(LOGIN.1), person, number).await?;
            let cookies = answer["cookies"].as_array().map(Vec::as_slice).unwrap_or_default();
            let refresh = cookies
                .iter()
                .filter_map(|cookie| cookie.as_str()?.split(';').next())
                .find(|cookie| cookie.starts_with("mw_refresh=") && !cookie.ends_with('='));
            let refresh = refresh.with_context(|| format!("nobody is signed in: {answer}"))?;
            world.put("refresh", refresh);
        }
        Ok(world)
    })
}

/// An organization with its owner and 49 members, joined by invitation.
fn furnish_organization(caller: Caller<'_>) -> BoxFuture<'_, Result<World>> {
    Box::pin(async move {
        let mut world = World::default();
        let ids = IdGenerator::new(Clock::system());
        let stage = caller.stage();
        let owner: UserId = Id::from_uuid(ids.next_uuid());
        provision(caller, owner).await?;
        let person = stage.bearer(owner, None)?;
        let found = Request::post("/api/v1/organizations", json!({ "name": "Bench" }));
        let organization = caller.call(&found.header("authorization", person)).await?;
        world.add("organization", &organization)?;
        let id = world.id("organization", 0).to_owned();
        let owner = stage.bearer(owner, Some(&id))?;
        for _ in 1..MEMBERS {
            let user: UserId = Id::from_uuid(ids.next_uuid());
            let email = provision(caller, user).await?;
            let invite = Request::post("/api/v1/invitations", json!({ "email": email }));
            let sent = caller.call(&invite.header("authorization", owner.clone())).await?;
            let invitation =
                sent["id"].as_str().with_context(|| format!("no invitation: {sent}"))?;
            let accept =
                Request::post(format!("/api/v1/invitations/{invitation}/accept"), json!({}));
            caller.call(&accept.header("authorization", stage.bearer(user, None)?)).await?;
            world.put("user", user.to_string());
        }
        world.put("owner", owner);
        Ok(world)
    })
}

/// Tells of somebody who has signed in; the address.
async fn provision(caller: Caller<'_>, user: UserId) -> Result<String> {
    let email = format!("{user}@example.org").replace('_', "-");
    let body = json!({
        "userId": user, "email": email, "displayName": format!("Person {user}"),
    });
    let provision = Request::post("/api/v1/users/provision", body);
    caller.call(&provision.inside(Stage::AUTH)).await?;
    Ok(email)
}
