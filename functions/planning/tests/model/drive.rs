//! Operations against router and model at once; each answer is compared.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use millwright_testkit::{Answer, Client, TestApp, beginning};
use serde_json::{Value, json};

use crate::{
    model::{Refused, World},
    operation::{Actor, Fields, IfMatch, Operation, Pick, SOMEBODY_ELSE},
};

const ORGANIZATION: u128 = 1;
pub const TASKS: &str = "/api/v1/planning/tasks";
pub const PROJECTS: &str = "/api/v1/planning/projects";

pub struct Driver {
    pub app: TestApp,
    pub owner: Client,
    pub member: Client,
    pub world: World,
}

fn at(pick: Pick, count: usize) -> Option<usize> {
    (count > 0).then(|| usize::from(pick) % count)
}

/// A task as the model has it; the rank is opaque.
pub fn without_rank(mut task: Value) -> Value {
    let rank = task.as_object_mut().unwrap().remove("rank").unwrap();
    assert!((1..=60).contains(&rank.as_str().unwrap().len()), "{rank}");
    task
}

impl Driver {
    /// Two projects, one of which requires reviews.
    pub async fn start(app: TestApp) -> Driver {
        let (owner, member) =
            (app.client(ORGANIZATION, "owner"), app.client(ORGANIZATION, "member"));
        let world = World {
            now: beginning(),
            owner: owner.user.to_string(),
            member: member.user.to_string(),
            projects: Vec::new(),
            tasks: Vec::new(),
            said: Vec::new(),
            denied: BTreeSet::new(),
        };
        let mut driver = Driver { app, owner, member, world };
        for (key, review) in [("ONE", false), ("TWO", true)] {
            let body = json!({ "key": key, "name": key, "settings": { "requireReview": review } });
            let created = driver.owner.post(PROJECTS, body).await.expect(201);
            driver.world.project_created(&created);
        }
        driver
    }

    fn client(&self, actor: Actor) -> &Client {
        match actor {
            Actor::Owner => &self.owner,
            Actor::Member => &self.member,
        }
    }

    /// Sends a change, with `If-Match` if it is wanted.
    async fn change(
        &self,
        method: Method,
        path: &str,
        actor: Actor,
        (if_match, version): (IfMatch, u64),
        body: Option<Value>,
    ) -> Answer {
        let etag = match if_match {
            IfMatch::Absent => None,
            IfMatch::Current => Some(format!("\"{version}\"")),
            IfMatch::Stale => Some(format!("\"{}\"", version + 7)),
        };
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(etag.as_deref().map(|etag| ("if-match", etag)));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.client(actor).send(method, path, &headers, body).await
    }

    pub async fn apply(&mut self, operation: &Operation) {
        let projects = self.world.projects.len();
        let tasks = self.world.tasks.len();
        match operation {
            Operation::Wait(milliseconds) => self.wait(Duration::from_millis(*milliseconds)),
            Operation::ProjectUpdate { project, actor, if_match, patch } => {
                let Some(index) = at(*project, projects) else { return };
                self.project_update(index, *actor, *if_match, patch).await;
            }
            Operation::ProjectArchive { project, actor } => {
                let Some(index) = at(*project, projects) else { return };
                self.project_archive(index, *actor, true).await;
            }
            Operation::ProjectUnarchive { project, actor } => {
                let Some(index) = at(*project, projects) else { return };
                self.project_archive(index, *actor, false).await;
            }
            Operation::TaskCreate { project, actor, input } => {
                let Some(index) = at(*project, projects) else { return };
                self.task_create(index, *actor, input).await;
            }
            Operation::TaskUpdate { task, by_key, actor, if_match, patch } => {
                let Some(index) = at(*task, tasks) else { return };
                self.task_update(index, *by_key, *actor, *if_match, patch).await;
            }
            Operation::TaskTransition { task, actor, to, reason, force } => {
                let Some(index) = at(*task, tasks) else { return };
                let mut body = json!({ "to": to, "force": force });
                if let Some(reason) = reason {
                    body["reason"] = (*reason).into();
                }
                let path = format!("{TASKS}/{}/transition", self.world.tasks[index].id());
                let answer = self.client(*actor).post(&path, body).await;
                let expected = self.world.task_transition(index, *actor, to, *reason, *force);
                self.assert_task(index, &answer, expected);
            }
            Operation::TaskClaim { task, actor } => {
                let Some(index) = at(*task, tasks) else { return };
                let path = format!("{TASKS}/{}/claim", self.world.tasks[index].id());
                let answer = self.client(*actor).post(&path, json!({})).await;
                let expected = self.world.task_claim(index, *actor);
                self.assert_task(index, &answer, expected);
            }
            Operation::TaskMove { task, anchor, before, actor } => {
                let Some(places) = at(*task, tasks).zip(at(*anchor, tasks)) else { return };
                self.task_move(places, *before, *actor).await;
            }
            Operation::TaskParent { task, parent, actor } => {
                let Some(index) = at(*task, tasks) else { return };
                let parent = parent.and_then(|parent| at(parent, tasks));
                let parent = parent.map(|parent| self.world.tasks[parent].id());
                let mut patch = Fields::new();
                patch.insert("parentId".into(), parent.into());
                self.task_update(index, false, *actor, IfMatch::Absent, &patch).await;
            }
            Operation::Relate { from, kind, to, actor } => {
                let Some((from, to)) = at(*from, tasks).zip(at(*to, tasks)) else { return };
                let path = self.relation(from, kind, to);
                let answer = self.client(*actor).send(Method::PUT, &path, &[], "").await;
                let expected = self.world.relate(from, kind, to, *actor);
                self.assert_task(from, &answer, expected);
            }
            Operation::Unrelate { from, kind, to, actor } => {
                let Some((from, to)) = at(*from, tasks).zip(at(*to, tasks)) else { return };
                let path = self.relation(from, kind, to);
                let answer = self.client(*actor).delete(&path).await;
                assert_gone(&answer, self.world.unrelate(from, kind, to, *actor), 0);
            }
            Operation::Watch { task, oneself, actor } => {
                self.watch(*task, *oneself, *actor, true).await;
            }
            Operation::Unwatch { task, oneself, actor } => {
                self.watch(*task, *oneself, *actor, false).await;
            }
            Operation::ProjectDelete { project, actor, if_match } => {
                let Some(index) = at(*project, projects) else { return };
                let of = (*if_match, self.world.projects[index].version());
                let path = format!("{PROJECTS}/{}", self.world.projects[index].id());
                let answer = self.change(Method::DELETE, &path, *actor, of, None).await;
                let expected = self.world.project_delete(index, *actor, *if_match);
                assert_gone(&answer, expected, of.1);
            }
            Operation::ProjectRestore { project, actor } => {
                let Some(index) = at(*project, projects) else { return };
                let path = format!("{PROJECTS}/{}/restore", self.world.projects[index].id());
                let answer = self.client(*actor).post(&path, json!({})).await;
                let expected = self.world.project_restore(index, *actor);
                self.assert_project(index, &answer, expected);
            }
            Operation::TaskDelete { task, actor, if_match } => {
                let Some(index) = at(*task, tasks) else { return };
                let of = (*if_match, self.world.tasks[index].version());
                let path = format!("{TASKS}/{}", self.world.tasks[index].id());
                let answer = self.change(Method::DELETE, &path, *actor, of, None).await;
                let expected = self.world.task_delete(index, *actor, *if_match);
                assert_gone(&answer, expected, of.1);
            }
            Operation::TaskRestore { task, actor } => {
                let Some(index) = at(*task, tasks) else { return };
                let path = format!("{TASKS}/{}/restore", self.world.tasks[index].id());
                let answer = self.client(*actor).post(&path, json!({})).await;
                let expected = self.world.task_restore(index, *actor);
                self.assert_task(index, &answer, expected);
            }
            Operation::CommentCreate { task, actor, body } => {
                let Some(index) = at(*task, tasks) else { return };
                self.comment_create(index, *actor, body).await;
            }
            Operation::CommentUpdate { task, comment, actor, if_match, body } => {
                let Some((place, path)) = self.comment_at(*task, *comment) else { return };
                let of = (*if_match, self.world.tasks[place.0].comments[place.1].version());
                let patch = body.map_or(json!({}), |body| json!({ "body": body }));
                let answer = self.change(Method::PATCH, &path, *actor, of, Some(patch)).await;
                match self.world.comment_update(place, *actor, *if_match, *body) {
                    Err(refused) => assert_refused(&answer, refused, of.1),
                    Ok(()) => {
                        let comment = &self.world.tasks[place.0].comments[place.1];
                        assert_eq!(answer.expect(200), Value::Object(comment.fields.clone()));
                        assert_eq!(answer.etag(), format!("\"{}\"", comment.version()));
                    }
                }
            }
            Operation::CommentDelete { task, comment, actor, if_match } => {
                let Some((place, path)) = self.comment_at(*task, *comment) else { return };
                let of = (*if_match, self.world.tasks[place.0].comments[place.1].version());
                let answer = self.change(Method::DELETE, &path, *actor, of, None).await;
                let expected = self.world.comment_delete(place, *actor, *if_match);
                assert_gone(&answer, expected, of.1);
            }
        }
    }

    fn relation(&self, from: usize, kind: &str, to: usize) -> String {
        let id = |index: usize| self.world.tasks[index].id();
        format!("{TASKS}/{}/relations/{kind}/{}", id(from), id(to))
    }

    async fn task_move(&mut self, (index, anchor): (usize, usize), before: bool, actor: Actor) {
        let side = if before { "before" } else { "after" };
        let id = |index: usize| self.world.tasks[index].id();
        let (path, body) = (format!("{TASKS}/{}/move", id(index)), json!({ side: id(anchor) }));
        let answer = self.client(actor).post(&path, body).await;
        let expected = self.world.task_move(index, anchor, before, actor);
        if expected.is_ok() {
            let rank = answer.expect(200)["rank"].as_str().unwrap().to_owned();
            self.world.take_rank(index, &rank, true);
            assert!(self.world.is_beside(index, anchor, before), "{path} {side} {anchor}");
        }
        self.assert_task(index, &answer, expected);
    }

    async fn watch(&mut self, task: Pick, oneself: bool, actor: Actor, watches: bool) {
        let Some(index) = at(task, self.world.tasks.len()) else { return };
        let user = self.world.user(actor).to_owned();
        let who = if oneself { user.as_str() } else { SOMEBODY_ELSE };
        let path = format!("{TASKS}/{}/watchers/{who}", self.world.tasks[index].id());
        let method = if watches { Method::PUT } else { Method::DELETE };
        let answer = self.client(actor).send(method, &path, &[], "").await;
        assert_gone(&answer, self.world.watch(index, who, watches), 0);
    }

    /// Tokens live 15 minutes: new ones after a wait.
    fn wait(&mut self, by: Duration) {
        self.app.database.clock.advance(by);
        self.world.now = self.app.database.clock.now();
        self.owner = self.app.client(ORGANIZATION, "owner");
        self.member = self.app.client(ORGANIZATION, "member");
    }

    async fn project_update(
        &mut self,
        index: usize,
        actor: Actor,
        if_match: IfMatch,
        patch: &Fields,
    ) {
        let of = (if_match, self.world.projects[index].version());
        let path = format!("{PROJECTS}/{}", self.world.projects[index].id());
        let body = Value::Object(patch.clone());
        let answer = self.change(Method::PATCH, &path, actor, of, Some(body)).await;
        let expected = self.world.project_update(index, actor, if_match, patch);
        self.assert_project(index, &answer, expected);
    }

    async fn project_archive(&mut self, index: usize, actor: Actor, archive: bool) {
        let verb = if archive { "archive" } else { "unarchive" };
        let path = format!("{PROJECTS}/{}/{verb}", self.world.projects[index].id());
        let answer = self.client(actor).post(&path, json!({})).await;
        let expected = self.world.project_archive(index, actor, archive);
        self.assert_project(index, &answer, expected);
    }

    async fn task_create(&mut self, index: usize, actor: Actor, input: &Fields) {
        let mut body = Value::Object(input.clone());
        body["projectId"] = self.world.projects[index].fields["id"].clone();
        let answer = self.client(actor).post(TASKS, body).await;
        if let Err(refused) = self.world.may_create(index, input) {
            return assert_refused(&answer, refused, 0);
        }
        let created = answer.expect(201);
        let id = created["id"].as_str().unwrap();
        assert!(self.world.tasks.iter().all(|task| task.id() != id));
        self.world.task_created(index, actor, input, id);
        let rank = created["rank"].as_str().unwrap();
        self.world.take_rank(self.world.tasks.len() - 1, rank, false);
        let task = self.world.tasks.last().unwrap();
        assert_eq!(answer.header("location"), Some(format!("{TASKS}/{id}").as_str()));
        assert_eq!(answer.etag(), "\"1\"");
        assert_eq!(without_rank(created), Value::Object(task.fields.clone()));
    }

    async fn task_update(
        &mut self,
        index: usize,
        by_key: bool,
        actor: Actor,
        if_match: IfMatch,
        patch: &Fields,
    ) {
        let task = &self.world.tasks[index];
        let of = (if_match, task.version());
        let name = if by_key { &task.fields["key"] } else { &task.fields["id"] };
        let path = format!("{TASKS}/{}", name.as_str().unwrap());
        let body = Value::Object(patch.clone());
        let answer = self.change(Method::PATCH, &path, actor, of, Some(body)).await;
        let expected = self.world.task_update(index, actor, if_match, patch);
        self.assert_task(index, &answer, expected);
    }

    async fn comment_create(&mut self, index: usize, actor: Actor, body: &str) {
        let path = format!("{TASKS}/{}/comments", self.world.tasks[index].id());
        let answer = self.client(actor).post(&path, json!({ "body": body })).await;
        if let Err(refused) = self.world.may_comment(index) {
            return assert_refused(&answer, refused, 0);
        }
        let created = answer.expect(201);
        self.world.comment_created(index, actor, body, created["id"].as_str().unwrap());
        let comment = self.world.tasks[index].comments.last().unwrap();
        assert_eq!(created, Value::Object(comment.fields.clone()));
        assert_eq!(answer.etag(), "\"1\"");
    }

    fn comment_at(&self, task: Pick, comment: Pick) -> Option<((usize, usize), String)> {
        let task = at(task, self.world.tasks.len())?;
        let comments = &self.world.tasks[task].comments;
        let comment = at(comment, comments.len())?;
        let (of, id) = (self.world.tasks[task].id(), comments[comment].id());
        Some(((task, comment), format!("{TASKS}/{of}/comments/{id}")))
    }

    fn assert_task(&mut self, index: usize, answer: &Answer, expected: Result<(), Refused>) {
        match expected {
            Err(refused) => assert_refused(answer, refused, self.world.tasks[index].version()),
            Ok(()) => {
                let answered = answer.expect(200);
                self.world.take_rank(index, answered["rank"].as_str().unwrap(), false);
                let task = &self.world.tasks[index];
                assert_eq!(without_rank(answered), Value::Object(task.fields.clone()));
                assert_eq!(answer.etag(), format!("\"{}\"", task.version()));
            }
        }
    }

    fn assert_project(&self, index: usize, answer: &Answer, expected: Result<(), Refused>) {
        let project = &self.world.projects[index];
        match expected {
            Err(refused) => assert_refused(answer, refused, project.version()),
            Ok(()) => {
                assert_eq!(answer.expect(200), Value::Object(project.fields.clone()));
                assert_eq!(answer.etag(), format!("\"{}\"", project.version()));
            }
        }
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, (status, code): Refused, version: u64) {
    let problem = answer.expect_problem(status, code);
    if status == 412 {
        assert_eq!(problem["currentVersion"], version);
        assert_eq!(answer.etag(), format!("\"{version}\""));
    }
}

#[track_caller]
fn assert_gone(answer: &Answer, expected: Result<(), Refused>, version: u64) {
    match expected {
        Err(refused) => assert_refused(answer, refused, version),
        Ok(()) => assert_eq!(answer.expect(204), Value::Null),
    }
}
