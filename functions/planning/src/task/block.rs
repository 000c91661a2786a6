//! Numbers in blocks: creations of one project that share a transaction.

use std::collections::BTreeSet;

use http::StatusCode;
use millwright_core::{Error, ProjectId, Result, TaskId, codes};
use millwright_http::{BatchResult, BatchStep, Caller, Write};
use millwright_store::{Contention, MAX_TRANSACTION_ITEMS, Outcome, Step};

use super::{
    create::Numbers,
    effects::{Surroundings, TaskChange},
};
use crate::{
    app::Planning,
    domain::{Force, ItemKey, NewTask, Task},
    store::Counter,
};

/// The most creations one transaction takes; each is six items without labels and external id.
const MAX_TASKS: usize = 15;

/// What the counter, the outbox item and the idempotency record take of a transaction.
const RESERVED_ITEMS: usize = 5;

/// Of the 4 MB of a transaction, so much for texts; what surrounds them is small beside it.
const MAX_TEXT_BYTES: usize = 2 * 1024 * 1024;

/// Creations of one project that fit one transaction, with their places in the batch.
#[derive(Debug, Default)]
pub struct Block {
    tasks: Vec<(usize, NewTask)>,
    items: usize,
    bytes: usize,
    external: BTreeSet<(String, String)>,
}

fn external(new: &NewTask) -> Option<(String, String)> {
    Some((new.source.as_ref()?.to_string(), new.external_id.as_ref()?.to_string()))
}

/// Head, body, key marker, history, watchers, and what leads to it.
fn items(new: &NewTask) -> usize {
    5 + new.labels.as_slice().len() + usize::from(new.external_id.is_some())
}

fn bytes(new: &NewTask) -> usize {
    let criteria = new.acceptance_criteria.0.iter().map(|one| one.text.as_str().len());
    // The description is written twice: cut, into the history.
    new.description.as_str().len() + criteria.sum::<usize>() + 8 * 1024
}

impl Block {
    /// Whether one more fits: of the same project, without a parent (its placement needs the graph
    /// for itself), not the same external id again.
    pub fn admits(&self, new: &NewTask) -> bool {
        let same_project =
            self.tasks.first().is_none_or(|(_, first)| first.project_id == new.project_id);
        let is_known = external(new).is_some_and(|id| self.external.contains(&id));
        same_project
            && !is_known
            && new.parent_id.is_none()
            && self.tasks.len() < MAX_TASKS
            && self.items + items(new) + RESERVED_ITEMS <= MAX_TRANSACTION_ITEMS
            && (self.tasks.is_empty() || self.bytes + bytes(new) <= MAX_TEXT_BYTES)
    }

    pub fn push(&mut self, place: usize, new: NewTask) {
        self.items += items(&new);
        self.bytes += bytes(&new);
        self.external.extend(external(&new));
        self.tasks.push((place, new));
    }
}

/// Creates the tasks of a block: one transaction, one more for each that is refused for itself.
pub async fn create_block(
    planning: &Planning,
    caller: &Caller,
    block: Block,
    begin: impl Fn(usize) -> Write,
) -> Vec<(usize, BatchResult)> {
    let mut results = Vec::new();
    let mut rest = block.tasks;
    while let Some((_, first)) = rest.first() {
        let project = first.project_id;
        match create_together(planning, caller, project, &rest, &begin).await {
            Ok(Created::All(step)) => {
                results.extend(step.0);
                break;
            }
            Ok(Created::Refused(index, error)) => {
                let (place, _) = rest.remove(index);
                results.push((place, BatchResult::refused(&error)));
            }
            Err(error) => {
                results
                    .extend(rest.iter().map(|(place, _)| (*place, BatchResult::refused(&error))));
                break;
            }
        }
    }
    results
}

enum Created {
    All(BatchStep),
    /// One cannot be created, whatever number it has.
    Refused(usize, Error),
}

async fn create_together(
    planning: &Planning,
    caller: &Caller,
    project: ProjectId,
    tasks: &[(usize, NewTask)],
    begin: impl Fn(usize) -> Write,
) -> Result<Created> {
    let tenant = caller.tenant();
    let ids: Vec<TaskId> = tasks.iter().map(|_| planning.store.ids().next()).collect();
    let gate = planning.number_gate(project);
    let _turn = gate.lock().await;
    let mut numbers = Numbers::begin(planning, &tenant, project).await?;
    let mut contention = Contention::new(&planning.store);
    loop {
        let keys = numbers.next_keys(tasks.len())?;
        let stamp = planning.stamp(caller);
        let place = tasks.first().map_or(0, |(place, _)| *place);
        let mut write = begin(place);
        let counter = Counter::take(&mut write, project, numbers.last, keys.len() as u64);
        let mut results = Vec::with_capacity(tasks.len());
        let mut ends = Vec::with_capacity(tasks.len());
        for (((place, new), id), key) in tasks.iter().zip(&ids).zip(&keys) {
            let task = Task::create(new.clone(), *id, key, &stamp);
            let change = TaskChange {
                before: None,
                after: &task,
                operation: "task_create",
                note: None,
                force: Force::No,
                imported_at: None,
            };
            change.write(&mut write, Surroundings::default())?;
            ends.push(write.len());
            results.push((*place, BatchResult::done(StatusCode::CREATED, id, 1)));
        }
        let step = BatchStep(results);
        match write.attempt(&step).await? {
            Outcome::Done => {
                planning.remember_number(project, keys.last().map_or(0, last_number));
                return Ok(Created::All(step));
            }
            Outcome::Refused(refusals) => match refusals.at(counter) {
                Some(refusal) => numbers.lost(refusal.item.as_ref())?,
                None => {
                    let refused = refusals.0.first().map(|refusal| refusal.step);
                    let index = refused.and_then(|step| owner(&ends, step));
                    let error = refusals.into_error();
                    match index {
                        Some(index) if !error.is(codes::CONTENTION) => {
                            return Ok(Created::Refused(index, error));
                        }
                        _ if error.is(codes::CONTENTION) => {}
                        _ => return Err(error),
                    }
                }
            },
        }
        if contention.lost(&planning.store).await? {
            numbers.read(planning, &tenant).await?;
        }
    }
}

fn last_number(key: &ItemKey) -> u64 {
    key.number
}

/// The task whose items a step belongs to: the first whose items end behind it.
fn owner(ends: &[usize], step: Step) -> Option<usize> {
    ends.iter().position(|end| step.index() < *end)
}
