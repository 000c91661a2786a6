//! Items of a comment.

use millwright_core::{Error, Line, Markdown, Tenant, Timestamp, UserId};
use millwright_store::{Condition, Item, Key, Transaction, Update};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Subject;
use crate::domain::ActorId;

/// The most comments of one thing.
pub const MAX_COMMENTS: u64 = 5_000;

millwright_core::id! {
    /// A comment.
    CommentId = CommentNoun("cmt");
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "cmt_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "subjectId": "task_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "body": "Done in the last build, @usr_01jdz7xk2nf5h9vq3w8c6m4t0b.",
    "mentions": ["usr_01jdz7xk2nf5h9vq3w8c6m4t0b"],
    "authorId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "authorName": null,
    "editedAt": null,
    "importedAt": null,
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Comment {
    pub id: CommentId,
    /// What it is a comment on.
    pub subject_id: String,
    pub body: Markdown<1, 16_000>,
    /// Distinct `@<userId>` of the body, at most 50.
    pub mentions: Vec<UserId>,
    /// Null if it was imported and its author is nobody we know.
    pub author_id: Option<ActorId>,
    /// What the other tracker calls an author we do not know.
    pub author_name: Option<Line<1, 200>>,
    pub edited_at: Option<Timestamp>,
    pub imported_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: ActorId,
    pub updated_at: Timestamp,
    pub updated_by: ActorId,
}

/// A stored comment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CommentItem {
    #[serde(skip)]
    subject: Option<Subject>,
    pub version: u64,
    pub comment: Comment,
}

impl CommentItem {
    pub fn new(subject: Subject, comment: &Comment) -> CommentItem {
        CommentItem { subject: Some(subject), version: comment.version, comment: comment.clone() }
    }

    pub fn place(tenant: &Tenant, subject: Subject, id: CommentId) -> Key {
        subject.partition(tenant).at(format!("CMT#{id}"))
    }
}

impl Item for CommentItem {
    const KIND: &'static str = "comment";

    fn key(&self, tenant: &Tenant) -> Key {
        match self.subject {
            Some(subject) => CommentItem::place(tenant, subject, self.comment.id),
            None => super::unplaced(tenant),
        }
    }
}

/// Remembers that there was a comment, without a word of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentTombstone {
    #[serde(skip)]
    subject: Option<Subject>,
    comment_id: CommentId,
    deleted_at: Timestamp,
}

impl CommentTombstone {
    pub fn new(subject: Subject, id: CommentId, deleted_at: Timestamp) -> CommentTombstone {
        CommentTombstone { subject: Some(subject), comment_id: id, deleted_at }
    }

    pub fn place(tenant: &Tenant, subject: Subject, id: CommentId) -> Key {
        subject.partition(tenant).at(format!("GONE#{id}"))
    }
}

impl Item for CommentTombstone {
    const KIND: &'static str = "comment_tombstone";

    fn key(&self, tenant: &Tenant) -> Key {
        match self.subject {
            Some(subject) => CommentTombstone::place(tenant, subject, self.comment_id),
            None => super::unplaced(tenant),
        }
    }
}

/// How many comments a thing has, for the limit.
pub struct CommentCount;

impl CommentCount {
    /// So many more, within the limit.
    pub fn add(transaction: &mut Transaction, subject: Subject, count: u32) {
        let key = subject.partition(transaction.tenant()).at("COMMENTS");
        let room = MAX_COMMENTS + 1 - u64::from(count);
        let below = Condition::default().less_than("count", room).or_attribute_absent("count");
        let step = transaction.update(&key, &Update::when(below).add("count", count.into()));
        transaction.refused_as(step, Error::limit_reached("comments", MAX_COMMENTS));
    }

    pub fn remove(transaction: &mut Transaction, subject: Subject) {
        let key = subject.partition(transaction.tenant()).at("COMMENTS");
        transaction.update(&key, &Update::new().add("count", -1));
    }
}
