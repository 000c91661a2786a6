//! The values of a row made a task.

use millwright_core::{Bounded, Date, HttpUrl, Timestamp};
use serde_json::{Map, Value};

use super::{
    Reading,
    comments::{Setting, comments},
    draft::Draft,
    fields, links,
    people::person,
    scalar::{date, number, time},
    text::{cut, fitted, line, lines, short_line, shown, text_of},
};
use crate::{
    domain::{BlockedReason, ExternalId, TaskDescription, TaskState, Title},
    transfer::{
        CommentsRow, ExternalReference, Field, ImportComment, ImportRow, Person, RowProblem,
        WarningCode, Warnings, identity::derived_id,
    },
};

const MAX_TITLE: usize = 200;
const MAX_DESCRIPTION: usize = 64_000;
const MAX_SHORT: usize = 200;
const MAX_REASON: usize = 500;

/// # Errors
/// `invalid_request`, `invalid_time`.
pub(super) fn task_row(
    draft: Draft,
    reading: &Reading<'_>,
    warnings: &mut Warnings,
) -> Result<ImportRow, RowProblem> {
    let mut row = Builder { draft, reading, warnings };
    let of_import = &reading.options.source;
    let whole_title = row.title()?;
    let (title, description) = row.title_and_description(&whole_title)?;
    let created_at = row.time(Field::CreatedAt)?;
    let updated_at = row.time(Field::UpdatedAt)?;
    let source = links::source(row.one(Field::Source))?.filter(|source| source != of_import);
    let external_id = row.external_id(&whole_title, created_at)?;
    let itself = ExternalReference { source: source.clone(), external_id: external_id.clone() };
    let (vocabulary, word) = (row.draft.vocabulary, row.text(Field::State)?);
    let state = fields::state(&word, vocabulary, reading, row.warnings)?;
    let kind = fields::kind(&row.text(Field::Type)?, reading, row.warnings);
    let priority = fields::priority(&row.text(Field::Priority)?, row.warnings);
    let (start_date, due_date) = row.dates()?;
    let parent = row.one(Field::ParentId);
    let parent = links::reference(parent, Field::ParentId, of_import, row.warnings)?;
    Ok(ImportRow {
        source,
        external_id,
        external_key: {
            let key = row.text(Field::ExternalKey)?;
            short_line(&key, MAX_SHORT, Field::ExternalKey, row.warnings)
        },
        external_url: row.url()?,
        title,
        description,
        kind,
        state,
        priority,
        assignee: row.person(Field::AssigneeId)?,
        author: row.person(Field::ReporterId)?,
        labels: fields::labels(&mut row.draft, reading, row.warnings)?,
        created_at,
        updated_at,
        started_at: row.time(Field::StartedAt)?,
        completed_at: row.completed_at(state, updated_at.or(created_at))?,
        start_date,
        due_date,
        estimate_seconds: row.number(Field::EstimateSeconds)?,
        points: row.number(Field::Points)?,
        acceptance_criteria: fields::criteria(&mut row.draft, row.warnings)?,
        blocked_reason: row.blocked_reason(state)?,
        rank: row.rank()?,
        parent: row.not_itself(parent, &itself),
        relations: links::relations(&mut row.draft, &itself, of_import, row.warnings)?,
        comments: row.comments(created_at)?,
    })
}

/// The row `{"commentsOf": …, "from": …, "comments": […]}`.
///
/// # Errors
/// `invalid_request`, `invalid_time`.
pub(super) fn comments_row(
    mut row: Map<String, Value>,
    reading: &Reading<'_>,
    warnings: &mut Warnings,
) -> Result<CommentsRow, RowProblem> {
    let mut take = |key: &str| row.remove(key).unwrap_or_default();
    let (task, from, values) = (take("commentsOf"), take("from"), take("comments"));
    let of_import = &reading.options.source;
    let task = links::reference(task, Field::ExternalId, of_import, warnings)?
        .ok_or_else(|| RowProblem::invalid("commentsOf must name a task"))?;
    let from = match from {
        Value::Null => Some(0),
        from => from.as_u64().and_then(|from| u32::try_from(from).ok()),
    };
    let from = from.ok_or_else(|| RowProblem::invalid("from must be a position from 0 on"))?;
    let Value::Array(values) = values else {
        return Err(RowProblem::invalid("comments must be a list"));
    };
    let setting = Setting { reading, fallback: reading.now, trusts_ids: true, from };
    Ok(CommentsRow { task, comments: comments(values, &setting, warnings)? })
}

struct Builder<'r> {
    draft: Draft,
    reading: &'r Reading<'r>,
    warnings: &'r mut Warnings,
}

impl Builder<'_> {
    /// The one value of a field; null if there is none. Others are left out with a warning.
    fn one(&mut self, field: Field) -> Value {
        let mut values = self.draft.take(field).into_iter();
        let first = values.next().unwrap_or_default();
        let others: Vec<String> = values.filter(|other| *other != first).map(in_short).collect();
        if !others.is_empty() {
            let names = others.get(..others.len().min(5)).unwrap_or_default().join(", ");
            let detail = format!("{field}: only the first is taken, not {names}");
            self.warnings.add(WarningCode::ValuesDropped, detail);
        }
        first
    }

    fn text(&mut self, field: Field) -> Result<String, RowProblem> {
        text_of(self.one(field), field)
    }

    /// The whole title as one line.
    fn title(&mut self) -> Result<String, RowProblem> {
        let text = self.text(Field::Title)?;
        let title = line(&text, Field::Title.as_str(), self.warnings);
        if title.is_empty() { Err(RowProblem::invalid("title is required")) } else { Ok(title) }
    }

    /// A title that is too long opens the description.
    fn title_and_description(
        &mut self,
        whole: &str,
    ) -> Result<(Title, TaskDescription), RowProblem> {
        let place = Field::Description.as_str();
        let texts: Result<Vec<String>, RowProblem> = self
            .draft
            .take(Field::Description)
            .into_iter()
            .map(|part| text_of(part, place))
            .collect();
        let mut description = texts?.join("\n\n");
        let mut title = whole;
        if let Some(start) = cut(whole, MAX_TITLE) {
            title = start.trim_end();
            let separator = if description.is_empty() { "" } else { "\n\n" };
            description = format!("{whole}{separator}{description}");
            let detail = format!("cut to {MAX_TITLE} characters, it opens the description whole");
            self.warnings.add(WarningCode::TitleCut, detail);
        }
        let description = lines(&description, place, self.warnings);
        let description = fitted(description, MAX_DESCRIPTION, place, self.warnings);
        let refused = |error| RowProblem::invalid(format!("title or description {error}"));
        Ok((title.parse().map_err(refused)?, description.parse().map_err(refused)?))
    }

    fn external_id(
        &mut self,
        whole_title: &str,
        created_at: Option<Timestamp>,
    ) -> Result<ExternalId, RowProblem> {
        let value = self.one(Field::ExternalId);
        let given = links::external_id(value, Field::ExternalId, self.warnings)?;
        given
            .or_else(|| derived_id(whole_title, created_at))
            .ok_or_else(|| RowProblem::invalid("externalId is required"))
    }

    fn time(&mut self, field: Field) -> Result<Option<Timestamp>, RowProblem> {
        time(self.one(field), field, self.reading)
    }

    /// A closed task was closed at some time, an open one was not.
    fn completed_at(
        &mut self,
        state: TaskState,
        otherwise: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, RowProblem> {
        let given = self.time(Field::CompletedAt)?;
        if state.category().is_closed() {
            return Ok(given.or(otherwise).or(Some(self.reading.now)));
        }
        if let Some(at) = given {
            let detail = format!("completedAt {at}: a task in {state} is not completed");
            self.warnings.add(WarningCode::DateDropped, detail);
        }
        Ok(None)
    }

    /// A start after the end is left out.
    fn dates(&mut self) -> Result<(Option<Date>, Option<Date>), RowProblem> {
        let start = date(self.one(Field::StartDate), Field::StartDate)?;
        let due = date(self.one(Field::DueDate), Field::DueDate)?;
        match (start, due) {
            (Some(start), Some(due)) if due < start => {
                let detail = format!("startDate {start} is after dueDate {due}");
                self.warnings.add(WarningCode::DateDropped, detail);
                Ok((None, Some(due)))
            }
            dates => Ok(dates),
        }
    }

    fn number<const MAX: u32>(
        &mut self,
        field: Field,
    ) -> Result<Option<Bounded<0, MAX>>, RowProblem> {
        number(self.one(field), field, self.warnings)
    }

    fn url(&mut self) -> Result<Option<HttpUrl>, RowProblem> {
        let text = self.text(Field::ExternalUrl)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let url = text.parse().ok();
        if url.is_none() {
            let detail = format!("{} is no http or https URL of at most 2,000", shown(&text));
            self.warnings.add(WarningCode::UrlDropped, detail);
        }
        Ok(url)
    }

    fn person(&mut self, field: Field) -> Result<Option<Person>, RowProblem> {
        let value = self.one(field);
        let trusts_ids = !self.draft.is_github();
        person(value, trusts_ids, field.as_str(), self.reading, self.warnings)
    }

    fn blocked_reason(&mut self, state: TaskState) -> Result<Option<BlockedReason>, RowProblem> {
        let place = Field::BlockedReason.as_str();
        let text = self.text(Field::BlockedReason)?;
        let text = millwright_core::normalized(&lines(&text, place, self.warnings));
        let reason = fitted(text, MAX_REASON, place, self.warnings).parse().ok();
        if state != TaskState::Blocked && reason.is_some() {
            let detail = format!("{place}: a task in {state} is not blocked");
            self.warnings.add(WarningCode::ValuesDropped, detail);
            return Ok(None);
        }
        Ok(reason)
    }

    fn rank(&mut self) -> Result<Option<crate::domain::Rank>, RowProblem> {
        let text = self.text(Field::Rank)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let rank = text.trim().parse().ok();
        if rank.is_none() {
            let detail = format!("{} is no rank", shown(&text));
            self.warnings.add(WarningCode::RankDropped, detail);
        }
        Ok(rank)
    }

    fn not_itself(
        &mut self,
        parent: Option<ExternalReference>,
        itself: &ExternalReference,
    ) -> Option<ExternalReference> {
        if parent.as_ref() == Some(itself) {
            let detail = "parentId: a task is not its own parent";
            self.warnings.add(WarningCode::RelationsDropped, detail);
            return None;
        }
        parent
    }

    fn comments(
        &mut self,
        created_at: Option<Timestamp>,
    ) -> Result<Vec<ImportComment>, RowProblem> {
        let mut values = self.draft.take(Field::Comments);
        // GitHub's lists tell how many comments there are and not what they say.
        if let ([Value::Number(count)], true) = (values.as_slice(), self.draft.is_github()) {
            if count.as_u64() != Some(0) {
                let detail = format!("{count} comments are not in the file");
                self.warnings.add(WarningCode::CommentsNotInFile, detail);
            }
            values.clear();
        }
        let setting = Setting {
            reading: self.reading,
            fallback: created_at.unwrap_or(self.reading.now),
            trusts_ids: !self.draft.is_github(),
            from: 0,
        };
        comments(values, &setting, self.warnings)
    }
}

/// A value in a few words.
fn in_short(value: Value) -> String {
    match value {
        Value::String(text) => shown(&text),
        Value::Object(mut object) => {
            let name = ["login", "name"].into_iter().find_map(|key| object.remove(key));
            name.map_or_else(|| "an object".to_owned(), in_short)
        }
        Value::Array(_) => "a list".to_owned(),
        value => value.to_string(),
    }
}
