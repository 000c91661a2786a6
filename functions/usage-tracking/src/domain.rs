//! The rules of usage-tracking: pure types and functions. No I/O, no AWS, no clock, no randomness.

use millwright_core::{Change, Line, Markdown, Patch, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

millwright_core::id! {
    /// A quota.
    QuotaId = QuotaNoun("quo");
}

/// 1-200 characters, unique in the organization, case-insensitive.
pub type Title = Line<1, 200>;

/// What there is to say, at most 10,000 characters.
pub type QuotaBody = Markdown<0, 10_000>;

/// When something happened, and by whom: a user, service key, agent or service.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: String,
}

/// A quota without its body: what lists show, at most 1 KB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaSummary {
    pub id: QuotaId,
    pub title: Title,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// A quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "quo_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "title": "Retrospective",
    "body": "Shorter stand-ups.",
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Quota {
    #[serde(flatten)]
    pub summary: QuotaSummary,
    pub body: QuotaBody,
}

/// What a PATCH changes.
#[derive(Clone, Debug, Default)]
pub struct QuotaPatch {
    pub title: Change<Title>,
    pub body: Patch<QuotaBody>,
}

impl Quota {
    /// The first version.
    pub fn new(id: QuotaId, title: Title, body: QuotaBody, stamp: Stamp) -> Quota {
        let Stamp { at, by } = stamp;
        let summary = QuotaSummary {
            id,
            title,
            version: 1,
            created_at: at,
            created_by: by.clone(),
            updated_at: at,
            updated_by: by,
        };
        Quota { summary, body }
    }

    /// After the patch; equal to this one if nothing changes.
    #[must_use]
    pub fn patched(&self, patch: QuotaPatch) -> Quota {
        let mut next = self.clone();
        patch.title.apply_to(&mut next.summary.title);
        patch.body.apply_or_default(&mut next.body);
        next
    }

    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Quota {
        self.summary.version += 1;
        self.summary.updated_at = stamp.at.max(self.summary.updated_at);
        self.summary.updated_by = stamp.by;
        self
    }

    /// The fields in which another version differs, by their names in JSON.
    pub fn fields_changed(&self, other: &Quota) -> Vec<&'static str> {
        let title = self.summary.title != other.summary.title;
        let body = self.body != other.body;
        [(title, "title"), (body, "body")]
            .into_iter()
            .filter_map(|(differs, field)| differs.then_some(field))
            .collect()
    }
}

impl QuotaSummary {
    /// The title as it is compared and sorted.
    pub fn folded_title(&self) -> String {
        self.title.as_str().to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(at: &str, by: &str) -> Stamp {
        Stamp { at: at.parse().expect("a time"), by: by.to_owned() }
    }

    fn first() -> Quota {
        let id = QuotaId::derived(Timestamp::UNIX_EPOCH, &[7; 10]);
        let title = "Retrospective".parse().expect("a title");
        Quota::new(id, title, QuotaBody::default(), stamp("2026-11-23T01:04:58Z", "usr_a"))
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let first = first();
        assert_eq!(first.patched(QuotaPatch::default()), first);
        let title = Change::Set("Retro".parse().expect("a title"));
        let next = first.patched(QuotaPatch { title, body: Patch::Clear });
        assert_eq!(first.fields_changed(&next), ["title"]);
    }

    #[test]
    fn versions_rise_and_times_do_not_fall() {
        let next = first().stamped(stamp("2020-01-01T00:00:00Z", "usr_b"));
        assert_eq!(next.summary.version, 2);
        assert_eq!(next.summary.updated_by, "usr_b");
        assert_eq!(next.summary.updated_at, first().summary.updated_at);
    }
}
