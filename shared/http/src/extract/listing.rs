//! Lists: filters, limit and cursor of a request, and the page that answers it.

use axum::extract::{FromRef, FromRequestParts};
use deserr::Deserr;
use http::request::Parts;
use millwright_core::{Error, Fault, FaultCode, Faults, Result};
use millwright_store::{CursorScope, CursorSealer, Position};
use serde::Serialize;
use utoipa::IntoParams;

use super::{access::Caller, query};
use crate::{Describe, Listed, OperationDocument, Platform, Problem, api::OperationName};

/// The query of a list: filters `T`, and where to begin. The cursor is opened already; it is good
/// for this organization, operation and these filters only.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    pub filters: T,
    /// 1-100, 25 if not given.
    pub limit: usize,
    pub from: Option<Position>,
    scope: CursorScope,
    platform: Platform,
}

impl<T> Listing<T> {
    /// The answer; seals the position of the next page.
    ///
    /// # Errors
    /// `unavailable` if the cursor secret cannot be read.
    pub async fn page<O: Serialize>(
        &self,
        items: Vec<O>,
        next: Option<Position>,
    ) -> Result<Listed<O>> {
        let next_cursor = match next {
            None => None,
            Some(position) => Some(self.sealer().await?.seal(&self.scope, &position)),
        };
        Ok(Listed { items, next_cursor })
    }

    async fn sealer(&self) -> Result<&CursorSealer> {
        self.platform.cursors().await
    }
}

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;
const MAX_CURSOR_CHARACTERS: usize = 4_096;

fn limit(text: Option<&str>) -> Result<usize, Fault> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let fault = |code, detail: &str| Fault::new("query:limit", code, detail);
    match text.parse::<i64>() {
        Ok(number) if number < 1 => Err(fault(FaultCode::TooSmall, "must be 1 to 100")),
        Ok(number) => usize::try_from(number)
            .ok()
            .filter(|number| *number <= MAX_LIMIT)
            .ok_or_else(|| fault(FaultCode::TooLarge, "must be 1 to 100")),
        Err(_) => Err(fault(FaultCode::WrongType, "must be a whole number")),
    }
}

impl<S: Send + Sync, T: Deserr<Faults> + Send> FromRequestParts<S> for Listing<T>
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let platform = Platform::from_ref(state);
        let mut filters = query::pairs(parts);
        let mut faults = Faults::default();
        let mut take = |name: &str| -> Option<String> {
            let values: Vec<String> =
                filters.extract_if(.., |(n, _)| n == name).map(|(_, value)| value).collect();
            if values.len() > 1 {
                let fault =
                    Fault::new(format!("query:{name}"), FaultCode::Duplicate, "must be sent once");
                faults.0.push(fault);
            }
            values.into_iter().next()
        };
        let (cursor, limit_text) = (take("cursor"), take("limit"));
        let limit = limit(limit_text.as_deref()).unwrap_or_else(|fault| {
            faults.0.push(fault);
            DEFAULT_LIMIT
        });
        let mut canonical = filters.clone();
        canonical.sort();
        // The path, too: a cursor of one task's comments is none of another's.
        let filter =
            serde_json::to_string(&(parts.uri.path(), canonical)).map_err(Error::internal)?;
        let filters = match query::read::<T>(filters) {
            Ok(filters) if faults.0.is_empty() => filters,
            Ok(_) => return Err(faults.into()),
            Err(mut more) => {
                faults.0.append(&mut more.0);
                return Err(faults.into());
            }
        };
        let Some(caller) = parts.extensions.get::<Caller>() else {
            return Err(Error::internal("a list needs a caller").into());
        };
        let scope =
            CursorScope { tenant: caller.tenant(), operation: OperationName::of(parts), filter };
        let from = match cursor {
            None => None,
            Some(cursor) if cursor.len() > MAX_CURSOR_CHARACTERS => {
                let fault =
                    Fault::new("query:cursor", FaultCode::TooLong, "is not a cursor of ours");
                return Err(Faults::of(fault).into());
            }
            Some(cursor) => Some(platform.cursors().await?.open(&scope, &cursor)?),
        };
        Ok(Listing { filters, limit, from, scope, platform })
    }
}

impl<T: IntoParams> Describe for Listing<T> {
    const TAKES_QUERY: bool = true;

    fn describe(document: &mut OperationDocument) {
        document.query_parameters::<T>();
        document.paged(DEFAULT_LIMIT, MAX_LIMIT);
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Platform({})", self.0.service)
    }
}

/// The filters of a list that takes none.
#[derive(Clone, Copy, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NoFilters {}
