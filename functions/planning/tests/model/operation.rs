//! What can be done, and random sequences of it.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

pub type Fields = Map<String, Value>;

/// Things are picked by number, modulo how many there are.
pub type Pick = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Owner,
    Member,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    Absent,
    Current,
    Stale,
}

#[derive(Clone, Debug)]
pub enum Operation {
    /// Milliseconds pass.
    Wait(u64),
    ProjectUpdate {
        project: Pick,
        actor: Actor,
        if_match: IfMatch,
        patch: Fields,
    },
    ProjectArchive {
        project: Pick,
        actor: Actor,
    },
    ProjectUnarchive {
        project: Pick,
        actor: Actor,
    },
    TaskCreate {
        project: Pick,
        actor: Actor,
        input: Fields,
    },
    TaskUpdate {
        task: Pick,
        by_key: bool,
        actor: Actor,
        if_match: IfMatch,
        patch: Fields,
    },
    TaskTransition {
        task: Pick,
        actor: Actor,
        to: &'static str,
        reason: Option<&'static str>,
        force: bool,
    },
    TaskDelete {
        task: Pick,
        actor: Actor,
        if_match: IfMatch,
    },
    TaskRestore {
        task: Pick,
        actor: Actor,
    },
    TaskClaim {
        task: Pick,
        actor: Actor,
    },
    TaskMove {
        task: Pick,
        anchor: Pick,
        before: bool,
        actor: Actor,
    },
    /// Below another task, or below none.
    TaskParent {
        task: Pick,
        parent: Option<Pick>,
        actor: Actor,
    },
    Relate {
        from: Pick,
        kind: &'static str,
        to: Pick,
        actor: Actor,
    },
    Unrelate {
        from: Pick,
        kind: &'static str,
        to: Pick,
        actor: Actor,
    },
    Watch {
        task: Pick,
        /// The caller, or somebody else.
        oneself: bool,
        actor: Actor,
    },
    Unwatch {
        task: Pick,
        oneself: bool,
        actor: Actor,
    },
    ProjectDelete {
        project: Pick,
        actor: Actor,
        if_match: IfMatch,
    },
    ProjectRestore {
        project: Pick,
        actor: Actor,
    },
    CommentCreate {
        task: Pick,
        actor: Actor,
        body: &'static str,
    },
    CommentUpdate {
        task: Pick,
        comment: Pick,
        actor: Actor,
        if_match: IfMatch,
        body: Option<&'static str>,
    },
    CommentDelete {
        task: Pick,
        comment: Pick,
        actor: Actor,
        if_match: IfMatch,
    },
}

#[derive(Clone, Debug)]
pub struct Sequence {
    pub operations: Vec<Operation>,
    /// For the order in which events are delivered at the end.
    pub seed: u64,
}

pub const SOMEBODY: &str = "usr_01h455vb4pex5vsknk084sn02q";
pub const SOMEBODY_ELSE: &str = "usr_01h455vb4pex5vsknk084sn02r";
pub const AGENT: &str = "agt_01h455vb4pex5vsknk084sn02q";

pub const STATES: [&str; 7] =
    ["backlog", "to_do", "in_progress", "blocked", "review", "done", "cancelled"];

/// Titles as they are sent and as they are kept.
pub const TITLES: [(&str, &str); 4] = [
    ("Alpha", "Alpha"),
    ("  Beta gamma ", "Beta gamma"),
    ("U\u{308}ber ALPHA", "\u{dc}ber ALPHA"),
    ("x", "x"),
];

const BODIES: [&str; 4] = [
    "Hello",
    "  @usr_01h455vb4pex5vsknk084sn02q, look  ",
    "@usr_01h455vb4pex5vsknk084sn02r @usr_01h455vb4pex5vsknk084sn02q @usr_01h455vb4pex5vsknk084sn02r",
    "@usr_short",
];

/// Fields of a task with values worth trying; null clears.
fn task_fields() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("title", TITLES.iter().map(|(sent, _)| json!(sent)).collect()),
        ("description", vec![json!(""), json!("# Text"), json!("ü".repeat(1_200)), Value::Null]),
        ("type", vec![json!("task"), json!("feature"), json!("bug")]),
        ("priority", vec![json!("low"), json!("medium"), json!("critical")]),
        ("assigneeId", vec![json!(SOMEBODY), json!(AGENT), Value::Null]),
        ("reporterId", vec![json!(SOMEBODY), json!(SOMEBODY_ELSE)]),
        ("labels", vec![json!(["UI"]), json!(["backend", "ui"]), json!([]), Value::Null]),
        ("startDate", vec![json!("2026-01-10"), json!("2026-03-10"), Value::Null]),
        ("dueDate", vec![json!("2026-01-20"), json!("2026-03-01"), Value::Null]),
        ("estimateSeconds", vec![json!(0), json!(3_600), Value::Null]),
        ("points", vec![json!(0), json!(5), Value::Null]),
        ("externalId", vec![json!("1"), json!("2"), Value::Null]),
        ("source", vec![json!("x"), Value::Null]),
        (
            "acceptanceCriteria",
            vec![
                json!([{ "text": "works" }]),
                json!([{ "text": "works", "met": true }]),
                json!([]),
                Value::Null,
            ],
        ),
    ]
}

/// Names of projects; two of them differ only in case.
fn project_fields() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("name", vec![json!("Apollo"), json!("APOLLO"), json!("Borealis")]),
        ("description", vec![json!(""), json!("Text"), Value::Null]),
        ("leadId", vec![json!(SOMEBODY), Value::Null]),
        (
            "settings",
            vec![
                json!({}),
                json!({ "requireReview": true }),
                json!({ "requireReview": false }),
                json!({ "requireReview": null }),
            ],
        ),
    ]
}

fn some_of(fields: Vec<(&'static str, Vec<Value>)>) -> impl Strategy<Value = Fields> {
    vec((any::<u8>(), any::<u8>()), 0..5).prop_map(move |picks| {
        let pick = |(field, value): (u8, u8)| {
            let (name, values) = &fields[usize::from(field) % fields.len()];
            ((*name).to_owned(), values[usize::from(value) % values.len()].clone())
        };
        picks.into_iter().map(pick).collect()
    })
}

/// What a creation may say: nothing is cleared, and nothing ends before it starts.
fn task_input() -> impl Strategy<Value = Fields> {
    (some_of(task_fields()), 0..TITLES.len(), select(vec!["to_do", "backlog"])).prop_map(
        |(mut fields, title, state)| {
            fields.retain(|_, value| !value.is_null());
            if fields.get("startDate") == Some(&json!("2026-03-10")) {
                fields.remove("dueDate");
            }
            if fields.contains_key("externalId") != fields.contains_key("source") {
                fields.remove("externalId");
                fields.remove("source");
            }
            fields.insert("title".into(), TITLES[title].0.into());
            if state == "backlog" {
                fields.insert("state".into(), state.into());
            }
            fields
        },
    )
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![3 => Just(Actor::Owner), 2 => Just(Actor::Member)]
}

fn if_match() -> impl Strategy<Value = IfMatch> {
    prop_oneof![4 => Just(IfMatch::Absent), 2 => Just(IfMatch::Current), 1 => Just(IfMatch::Stale)]
}

fn pick() -> impl Strategy<Value = Pick> {
    0u8..6
}

fn body() -> impl Strategy<Value = &'static str> {
    select(BODIES.to_vec())
}

fn operation() -> impl Strategy<Value = Operation> {
    let wait = select(vec![1u64, 1, 1_000, 3_600_000, 31 * 24 * 3_600_000]);
    let reason = prop::option::weighted(0.7, select(vec!["No key", "Waits"]));
    prop_oneof![
        3 => wait.prop_map(Operation::Wait),
        2 => (pick(), actor(), if_match(), some_of(project_fields())).prop_map(
            |(project, actor, if_match, patch)| Operation::ProjectUpdate { project, actor, if_match, patch }
        ),
        1 => (pick(), actor())
            .prop_map(|(project, actor)| Operation::ProjectArchive { project, actor }),
        3 => (pick(), actor())
            .prop_map(|(project, actor)| Operation::ProjectUnarchive { project, actor }),
        8 => (pick(), actor(), task_input())
            .prop_map(|(project, actor, input)| Operation::TaskCreate { project, actor, input }),
        8 => (pick(), any::<bool>(), actor(), if_match(), some_of(task_fields())).prop_map(
            |(task, by_key, actor, if_match, patch)| Operation::TaskUpdate { task, by_key, actor, if_match, patch }
        ),
        9 => (pick(), actor(), select(STATES.to_vec()), reason, prop::bool::weighted(0.2)).prop_map(
            |(task, actor, to, reason, force)| Operation::TaskTransition { task, actor, to, reason, force }
        ),
        3 => (pick(), actor(), if_match())
            .prop_map(|(task, actor, if_match)| Operation::TaskDelete { task, actor, if_match }),
        3 => (pick(), actor()).prop_map(|(task, actor)| Operation::TaskRestore { task, actor }),
        4 => (pick(), actor(), body())
            .prop_map(|(task, actor, body)| Operation::CommentCreate { task, actor, body }),
        3 => (pick(), pick(), actor(), if_match(), prop::option::weighted(0.9, body())).prop_map(
            |(task, comment, actor, if_match, body)| Operation::CommentUpdate { task, comment, actor, if_match, body }
        ),
        2 => (pick(), pick(), actor(), if_match()).prop_map(
            |(task, comment, actor, if_match)| Operation::CommentDelete { task, comment, actor, if_match }
        ),
    ]
}

fn other_operation() -> impl Strategy<Value = Operation> {
    let kind = || select(vec!["blocks", "blocks", "blocked-by", "relates-to", "duplicate-of"]);
    let parent = prop::option::weighted(0.8, pick());
    prop_oneof![
        3 => (pick(), actor()).prop_map(|(task, actor)| Operation::TaskClaim { task, actor }),
        4 => (pick(), pick(), any::<bool>(), actor()).prop_map(
            |(task, anchor, before, actor)| Operation::TaskMove { task, anchor, before, actor }
        ),
        5 => (pick(), parent, actor())
            .prop_map(|(task, parent, actor)| Operation::TaskParent { task, parent, actor }),
        8 => (pick(), kind(), pick(), actor())
            .prop_map(|(from, kind, to, actor)| Operation::Relate { from, kind, to, actor }),
        3 => (pick(), kind(), pick(), actor())
            .prop_map(|(from, kind, to, actor)| Operation::Unrelate { from, kind, to, actor }),
        1 => (pick(), any::<bool>(), actor())
            .prop_map(|(task, oneself, actor)| Operation::Watch { task, oneself, actor }),
        1 => (pick(), any::<bool>(), actor())
            .prop_map(|(task, oneself, actor)| Operation::Unwatch { task, oneself, actor }),
        1 => (pick(), actor(), if_match()).prop_map(
            |(project, actor, if_match)| Operation::ProjectDelete { project, actor, if_match }
        ),
        2 => (pick(), actor())
            .prop_map(|(project, actor)| Operation::ProjectRestore { project, actor }),
    ]
}

pub fn sequence() -> impl Strategy<Value = Sequence> {
    (vec(prop_oneof![5 => operation(), 3 => other_operation()], 1..50), any::<u64>())
        .prop_map(|(operations, seed)| Sequence { operations, seed })
}
