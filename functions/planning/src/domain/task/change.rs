//! How a task changes: pure, from one value to the next.

use millwright_core::{
    Change, Date, Error, Fault, FaultCode, Faults, Result, TaskId, Timestamp, codes,
};

use super::{NewTask, Parts, Stamp, Task, TaskPatch, TaskSummary, Transition};
use crate::{
    codes as planning_codes,
    domain::{Assignee, ItemKey, Rank, RelationKind, Relations, StateCategory, TaskState},
};

/// Whether an actor overrides the guards of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    No,
    Yes,
}

fn check_dates(start: Option<Date>, due: Option<Date>, faults: &mut Faults) {
    if let (Some(start), Some(due)) = (start, due)
        && due < start
    {
        let detail = format!("must not be before startDate {start}");
        faults.0.push(Fault::new("/dueDate", FaultCode::TooSmall, detail));
    }
}

fn check_external(has_id: bool, has_source: bool, faults: &mut Faults) {
    if has_id != has_source {
        let pointer = if has_id { "/source" } else { "/externalId" };
        let detail = "externalId and source go together";
        faults.0.push(Fault::new(pointer, FaultCode::Required, detail));
    }
}

fn none_of(faults: Faults) -> Result<()> {
    if faults.0.is_empty() { Ok(()) } else { Err(faults.into()) }
}

impl NewTask {
    /// What the types of single fields do not say, all at once.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        check_dates(self.start_date, self.due_date, &mut faults);
        check_external(self.external_id.is_some(), self.source.is_some(), &mut faults);
        if !matches!(self.state, TaskState::ToDo | TaskState::Backlog) {
            let detail = "a task begins in to_do or backlog";
            faults.0.push(Fault::new("/state", FaultCode::NotAllowed, detail));
        }
        none_of(faults)
    }
}

impl TaskSummary {
    /// Not done, not cancelled, not deleted: others wait for it.
    pub fn is_open(&self) -> bool {
        !self.state_category.is_closed() && self.deleted_at.is_none()
    }
}

impl Task {
    /// The task a request asks for, with its number. Checked by [`NewTask::check`] before.
    pub fn create(new: NewTask, id: TaskId, key: &ItemKey, stamp: &Stamp) -> Task {
        Task {
            summary: TaskSummary {
                id,
                project_id: new.project_id,
                key: key.to_string(),
                number: key.number,
                title: new.title,
                kind: new.kind,
                state: new.state,
                state_category: new.state.category(),
                priority: new.priority,
                assignee_id: new.assignee_id,
                reporter_id: new
                    .reporter_id
                    .map_or_else(|| stamp.by.clone(), |reporter| reporter.to_string()),
                labels: new.labels,
                parent_id: new.parent_id,
                rank: Rank::last_at(stamp.at, key.number),
                start_date: new.start_date,
                due_date: new.due_date,
                estimate_seconds: new.estimate_seconds,
                points: new.points,
                open_blockers: 0,
                external_id: new.external_id,
                source: new.source,
                external_key: new.external_key,
                started_at: None,
                completed_at: None,
                imported_at: None,
                source_updated_at: None,
                version: 1,
                created_at: stamp.at,
                created_by: stamp.by.clone(),
                updated_at: stamp.at,
                updated_by: stamp.by.clone(),
                deleted_at: None,
            },
            description: new.description,
            acceptance_criteria: new.acceptance_criteria,
            blocked_reason: None,
            external_url: new.external_url,
            relations: Relations::default(),
            parts: Parts { body_version: 1, relations_version: 0 },
        }
    }

    /// The task after the patch; equal to this one if nothing changes.
    ///
    /// # Errors
    /// `invalid_request` if it would be due before it starts, or have half an external identity.
    pub fn patched(&self, patch: TaskPatch) -> Result<Task> {
        let mut next = self.clone();
        let summary = &mut next.summary;
        patch.title.apply_to(&mut summary.title);
        patch.kind.apply_to(&mut summary.kind);
        patch.priority.apply_to(&mut summary.priority);
        patch.assignee_id.apply_to_option(&mut summary.assignee_id);
        if let Change::Set(reporter) = patch.reporter_id {
            summary.reporter_id = reporter.to_string();
        }
        patch.labels.apply_or_default(&mut summary.labels);
        patch.start_date.apply_to_option(&mut summary.start_date);
        patch.due_date.apply_to_option(&mut summary.due_date);
        patch.estimate_seconds.apply_to_option(&mut summary.estimate_seconds);
        patch.points.apply_to_option(&mut summary.points);
        patch.parent_id.apply_to_option(&mut summary.parent_id);
        patch.external_id.apply_to_option(&mut summary.external_id);
        patch.source.apply_to_option(&mut summary.source);
        patch.external_key.apply_to_option(&mut summary.external_key);
        let mut faults = Faults::default();
        check_dates(summary.start_date, summary.due_date, &mut faults);
        check_external(summary.external_id.is_some(), summary.source.is_some(), &mut faults);
        if summary.parent_id == Some(summary.id) {
            let detail = "a task is no part of itself";
            faults.0.push(Fault::new("/parentId", FaultCode::NotAllowed, detail));
        }
        none_of(faults)?;
        patch.description.apply_or_default(&mut next.description);
        patch.acceptance_criteria.apply_or_default(&mut next.acceptance_criteria);
        patch.external_url.apply_to_option(&mut next.external_url);
        Ok(next)
    }

    /// The task in another state. Open subtasks are for the store to check.
    ///
    /// # Errors
    /// `invalid_state` for a way that is not in the table; `task_not_ready`, `criteria_unmet`,
    /// `review_required`; `invalid_request` if `blocked` comes without reason and blocker.
    pub fn transitioned(
        &self,
        wanted: Transition,
        require_review: bool,
        now: Timestamp,
    ) -> Result<Task> {
        let Transition { to, reason, force } = wanted;
        let from = self.summary.state;
        if !from.next().contains(&to) {
            let allowed: Vec<&str> = from.next().iter().map(|state| state.as_str()).collect();
            let detail = format!("a task in {from} goes to {}", allowed.join(", "));
            return Err(Error::new(codes::INVALID_STATE, detail)
                .with("from", from.as_str())
                .with("to", to.as_str())
                .with("allowed", allowed));
        }
        let forced = force == Force::Yes;
        match to {
            TaskState::InProgress if matches!(from, TaskState::ToDo | TaskState::Blocked) => {
                self.check_ready(forced)?;
            }
            TaskState::Blocked if reason.is_none() && self.summary.open_blockers == 0 => {
                let detail = "is required to block a task that no other blocks";
                return Err(Error::fault("/reason", FaultCode::Required, detail));
            }
            TaskState::Done => self.check_done(require_review, forced)?,
            _ => {}
        }
        let mut next = self.entered(to, now);
        next.blocked_reason = if to == TaskState::Blocked { reason } else { None };
        Ok(next)
    }

    fn check_ready(&self, forced: bool) -> Result<()> {
        let open = self.summary.open_blockers;
        if open == 0 || forced {
            return Ok(());
        }
        let detail = format!("{open} blockers are not done; force overrides");
        Err(Error::new(planning_codes::TASK_NOT_READY, detail).with("openBlockers", open))
    }

    fn check_done(&self, require_review: bool, forced: bool) -> Result<()> {
        if require_review && self.summary.state != TaskState::Review {
            let detail = "move the task to review first; force does not override this";
            return Err(Error::new(planning_codes::REVIEW_REQUIRED, detail));
        }
        let unmet = self.acceptance_criteria.unmet();
        if unmet > 0 && !forced {
            let detail = format!("{unmet} acceptance criteria are not met; force overrides");
            return Err(Error::new(planning_codes::CRITERIA_UNMET, detail).with("unmet", unmet));
        }
        Ok(())
    }

    /// Last in another column, without asking the table of states.
    fn entered(&self, to: TaskState, now: Timestamp) -> Task {
        let mut next = self.clone();
        let category = to.category();
        next.summary.state = to;
        next.summary.state_category = category;
        next.summary.rank = Rank::last_at(now, self.summary.number);
        next.blocked_reason = None;
        if category == StateCategory::InProgress && next.summary.started_at.is_none() {
            next.summary.started_at = Some(now);
        }
        next.summary.completed_at = category.is_closed().then_some(now);
        next
    }

    /// The task in the hands of `who`, in progress.
    ///
    /// # Errors
    /// `already_claimed` if somebody has it, whoever; as [`Task::transitioned`].
    pub fn claimed(&self, who: Assignee, now: Timestamp) -> Result<Task> {
        if let Some(holder) = self.summary.assignee_id {
            let detail = "somebody works on it: unassign it first";
            return Err(Error::new(planning_codes::ALREADY_CLAIMED, detail)
                .with("assigneeId", holder.to_string()));
        }
        let to = TaskState::InProgress;
        let wanted = Transition { to, reason: None, force: Force::No };
        let mut next = self.transitioned(wanted, false, now)?;
        next.summary.assignee_id = Some(who);
        Ok(next)
    }

    /// The task, known to be a duplicate: cancelled if it was open.
    #[must_use]
    pub fn settled_as_duplicate(&self, now: Timestamp) -> Task {
        match self.summary.state_category.is_closed() {
            true => self.clone(),
            false => self.entered(TaskState::Cancelled, now),
        }
    }

    /// The task elsewhere in its column.
    #[must_use]
    pub fn ranked(&self, rank: Rank) -> Task {
        let mut next = self.clone();
        next.summary.rank = rank;
        next
    }

    /// The tasks that wait for this one.
    pub fn blocked_tasks(&self) -> impl Iterator<Item = TaskId> {
        self.relations.of(RelationKind::Blocks).map(|edge| edge.task_id)
    }

    /// The task, hidden.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Task {
        let mut next = self.clone();
        next.summary.deleted_at = Some(now);
        next
    }

    /// The task, seen again; unchanged if it was not deleted.
    #[must_use]
    pub fn restored(&self) -> Task {
        let mut next = self.clone();
        next.summary.deleted_at = None;
        next
    }

    /// The next version after `before`, by whom and when. Times of one task never run backwards.
    #[must_use]
    pub fn stamped(self, before: &Task, stamp: &Stamp) -> Task {
        let mut next = self.counted(before);
        next.summary.updated_at = stamp.at.max(before.summary.updated_at);
        next.summary.updated_by = stamp.by.clone();
        next
    }

    /// The next version after `before` that nobody made: only derived fields changed.
    #[must_use]
    pub fn counted(mut self, before: &Task) -> Task {
        let version = before.summary.version + 1;
        self.summary.version = version;
        if self.description != before.description
            || self.acceptance_criteria != before.acceptance_criteria
        {
            self.parts.body_version = version;
        }
        if self.relations != before.relations {
            self.parts.relations_version = version;
        }
        self
    }
}
