//! Many operations on tasks in one request, each with its own result.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use http::StatusCode;
use millwright_core::{Error, FaultCode, Faults, Result, wire_enum};
use millwright_http::{
    Allowed, Answered, BatchResult, BatchResults, BatchStep, Caller, Operations, Plain, Submission,
    Write,
};
use millwright_identity::Requires;
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

use super::{
    alter::alter,
    block::{Block, create_block},
    change::{TaskPatchIn, deletion, update},
    create::{TaskIn, create},
    state::{TransitionIn, transition},
};
use crate::{
    app::Planning,
    domain::{NewTask, TaskPatch, TaskReference},
    permissions::{TaskCreate, TaskDelete, TaskRead, TaskUpdate},
};

wire_enum! {
    /// What a batch can do.
    pub enum BatchOperationName {
        Create = "create",
        Update = "update",
        Transition = "transition",
        Delete = "delete",
    }
}

/// `{"op": "create", …}` with the members of a new task; `update`, `transition` and `delete` with
/// the `id` (or key) of the task, and the members of the body that operation has alone.
#[derive(Clone, Copy, Debug)]
pub struct BatchOperation;

impl PartialSchema for BatchOperation {
    fn schema() -> RefOr<Schema> {
        let id = || Some(("id", TaskReference::schema()));
        let one_of = OneOfBuilder::new()
            .item(variant(BatchOperationName::Create, None, TaskIn::schema()))
            .item(variant(BatchOperationName::Update, id(), TaskPatchIn::schema()))
            .item(variant(BatchOperationName::Transition, id(), TransitionIn::schema()))
            .item(variant(BatchOperationName::Delete, id(), ObjectBuilder::new().into()));
        RefOr::T(Schema::OneOf(one_of.build()))
    }
}

impl ToSchema for BatchOperation {
    fn name() -> std::borrow::Cow<'static, str> {
        "TaskBatchOperation".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        TaskIn::schemas(schemas);
        TaskPatchIn::schemas(schemas);
        TransitionIn::schemas(schemas);
    }
}

/// The body of an operation with its name, and the task it is about, beside.
fn variant(
    name: BatchOperationName,
    id: Option<(&str, RefOr<Schema>)>,
    body: RefOr<Schema>,
) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = body else { return body };
    let op = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([name.as_str()]));
    let op = op.build();
    object.properties.insert("op".to_owned(), RefOr::T(Schema::Object(op)));
    object.required.push("op".to_owned());
    if let Some((name, schema)) = id {
        object.properties.insert(name.to_owned(), schema);
        object.required.push(name.to_owned());
    }
    object.example = None;
    object.additional_properties =
        Some(Box::new(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)));
    RefOr::T(Schema::Object(object))
}

/// Operations on tasks.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "operations": [
        { "op": "create", "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b", "title": "Write the guide" },
        { "op": "transition", "id": "WEB-1", "to": "in_progress" },
        { "op": "update", "id": "WEB-2", "priority": "high" },
        { "op": "delete", "id": "WEB-3" },
    ],
}))]
pub struct BatchIn {
    operations: Operations<BatchOperation, 100>,
}

/// One operation, read.
enum Operation {
    Create(Box<NewTask>),
    Update(TaskReference, Box<TaskPatch>),
    Transition(TaskReference, TransitionIn),
    Delete(TaskReference),
}

/// Change many tasks at once
///
/// Up to 100 operations, carried out in their order, each with its own result and permission: one
/// that is refused stops no other. Creations that follow each other in one project take their
/// numbers together: one transaction for up to 15 of them. With an `Idempotency-Key` a repeat after
/// a crash goes on where it died.
#[utoipa::path(post, path = "/api/v1/planning/tasks/batch", tag = "Tasks")]
pub async fn task_batch(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    submission: Submission<BatchIn>,
) -> Answered<Plain<BatchResults>> {
    let (submission, input) = submission.take();
    let mut results: BTreeMap<usize, BatchResult> = BTreeMap::new();
    for body in submission.steps_before(&planning.store).await? {
        let step: BatchStep = serde_json::from_str(&body).map_err(Error::internal)?;
        results.extend(step.0);
    }
    let batch = Batch { planning: &planning, caller: &caller, submission: &submission };
    let mut block = Block::default();
    for (place, value) in input.operations.values.into_iter().enumerate() {
        if results.contains_key(&place) {
            continue;
        }
        let operation = match batch.read(value).await {
            Ok(operation) => operation,
            Err(error) => {
                results.insert(place, BatchResult::refused(&error));
                continue;
            }
        };
        if let Operation::Create(new) = &operation
            && block.admits(new)
        {
            block.push(place, new.as_ref().clone());
            continue;
        }
        results.extend(batch.finish(&mut block).await);
        match operation {
            Operation::Create(new) if block.admits(&new) => block.push(place, *new),
            operation => {
                let outcome = batch.carry_out(place, operation).await;
                results.insert(place, outcome.unwrap_or_else(|error| BatchResult::refused(&error)));
            }
        }
    }
    results.extend(batch.finish(&mut block).await);
    let answer = BatchResults { results: results.into_values().collect() };
    Ok(submission.write(&planning.store, &caller).commit(Plain(answer)).await?)
}

/// A batch on its way.
struct Batch<'a> {
    planning: &'a Planning,
    caller: &'a Caller,
    submission: &'a Submission<()>,
}

impl Batch<'_> {
    /// What an operation wants, if the caller may.
    async fn read(&self, value: Value) -> Result<Operation> {
        let Value::Object(mut members) = value else {
            return Err(Error::fault("", FaultCode::WrongType, "must be an object"));
        };
        let name: BatchOperationName = match members.remove("op") {
            Some(op) => read_member("/op", op)?,
            None => return Err(Error::fault("/op", FaultCode::Required, "is required")),
        };
        match name {
            BatchOperationName::Create => {
                self.require::<TaskCreate>().await?;
                let new = NewTask::from(read::<TaskIn>(members)?);
                new.check()?;
                Ok(Operation::Create(Box::new(new)))
            }
            BatchOperationName::Update => {
                self.require::<TaskUpdate>().await?;
                let id = reference(&mut members)?;
                Ok(Operation::Update(id, Box::new(read::<TaskPatchIn>(members)?.into())))
            }
            BatchOperationName::Transition => {
                self.require::<TaskUpdate>().await?;
                let id = reference(&mut members)?;
                Ok(Operation::Transition(id, read(members)?))
            }
            BatchOperationName::Delete => {
                self.require::<TaskDelete>().await?;
                let id = reference(&mut members)?;
                read::<millwright_http::Empty>(members)?;
                Ok(Operation::Delete(id))
            }
        }
    }

    async fn require<P: Requires>(&self) -> Result<()> {
        match self.caller.may::<P>() {
            true => Ok(()),
            false => Err(self.caller.deny::<P>("your role lacks the permission").await),
        }
    }

    fn step(&self, place: usize) -> Write {
        self.submission.step(&self.planning.store, self.caller, place)
    }

    /// Everything but creations that fit a block.
    async fn carry_out(&self, place: usize, operation: Operation) -> Result<BatchResult> {
        let (planning, caller) = (self.planning, self.caller);
        let begin = || self.step(place);
        let answer = |status: StatusCode| {
            move |task: crate::domain::Task| {
                let done = BatchResult::done(status, task.summary.id, task.summary.version);
                BatchStep(vec![(place, done)])
            }
        };
        let step = match operation {
            Operation::Create(new) => {
                let answer = answer(StatusCode::CREATED);
                create(planning, caller, *new, "task_create", begin, answer).await?
            }
            Operation::Update(id, patch) => {
                let alteration = update(&id, None, &patch);
                alter(planning, caller, begin, answer(StatusCode::OK), alteration).await?
            }
            Operation::Transition(id, wanted) => {
                let alteration = transition(planning, &id, &wanted);
                alter(planning, caller, begin, answer(StatusCode::OK), alteration).await?
            }
            Operation::Delete(id) => {
                let alteration = deletion(planning, &id, None);
                alter(planning, caller, begin, answer(StatusCode::NO_CONTENT), alteration).await?
            }
        };
        let result = step.0.into_iter().next().map(|(_, result)| result);
        result.ok_or_else(|| Error::internal("an operation without result"))
    }

    /// Creates what was collected, one transaction after the other.
    async fn finish(&self, block: &mut Block) -> Vec<(usize, BatchResult)> {
        let begin = |place| self.step(place);
        create_block(self.planning, self.caller, std::mem::take(block), begin).await
    }
}

fn read<T: Deserr<Faults>>(members: Map<String, Value>) -> Result<T> {
    Ok(deserr::deserialize::<T, Value, Faults>(Value::Object(members))?)
}

fn read_member<T: Deserr<Faults>>(pointer: &str, value: Value) -> Result<T> {
    deserr::deserialize::<T, Value, Faults>(value).map_err(|mut faults| {
        for fault in &mut faults.0 {
            fault.pointer = pointer.to_owned();
        }
        faults.into()
    })
}

fn reference(members: &mut Map<String, Value>) -> Result<TaskReference> {
    match members.remove("id") {
        Some(Value::String(text)) => {
            text.parse().map_err(|refused: millwright_core::InputError| {
                Error::fault("/id", refused.code, refused.detail)
            })
        }
        Some(_) => Err(Error::fault("/id", FaultCode::WrongType, "must be a string")),
        None => Err(Error::fault("/id", FaultCode::Required, "is required")),
    }
}
