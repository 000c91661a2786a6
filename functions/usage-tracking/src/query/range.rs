//! What every question says of time and scope.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use millwright_core::{Error, Fault, FaultCode, Faults, InputError, Result, Timestamp};
use millwright_http::Caller;

use crate::{
    codes,
    domain::{SLOT, ScopeType, Window, WindowSize, Zone, windows},
    permissions::ReportReadAll,
    store::{DAYS, HOURS, MINUTES},
};

const MINUTE: i64 = 60_000;

/// Time of a question.
#[derive(Clone, Debug)]
pub struct Range {
    pub from: Timestamp,
    /// The end of the present quarter of an hour, if not given.
    pub to: Option<Timestamp>,
    pub size: Option<WindowSize>,
    pub zone: Zone,
}

impl Range {
    /// # Errors
    /// `invalid_request` if it ends before it begins or between two counters;
    /// `window_unavailable` for what is no longer kept; `query_too_large`.
    pub fn windows(&self, now: Timestamp) -> Result<Vec<Window>> {
        let step = match self.size {
            Some(WindowSize::Minute) => MINUTE,
            _ => SLOT,
        };
        let next = (now.as_millisecond().div_euclid(step) + 1) * step;
        let to = self.to.unwrap_or(Timestamp::from_millisecond(next));
        let mut faults = Faults::default();
        for (pointer, at) in [("/from", self.from), ("/to", to)] {
            if at.as_millisecond().rem_euclid(step) != 0 {
                let detail = match step {
                    MINUTE => "must be a full minute",
                    _ => "must be a full quarter of an hour",
                };
                faults.0.push(Fault::new(pointer, FaultCode::BadFormat, detail));
            }
        }
        if to <= self.from {
            faults.0.push(Fault::new("/to", FaultCode::TooSmall, "must be later than from"));
        }
        if !faults.0.is_empty() {
            return Err(faults.into());
        }
        let (kept, detail) = match self.size {
            Some(WindowSize::Minute) => (MINUTES, "minutes are kept for 48 hours"),
            Some(WindowSize::Hour) => (HOURS, "hours are kept for 90 days"),
            Some(WindowSize::Day | WindowSize::Month) | None => {
                (DAYS, "days are kept for two years")
            }
        };
        if now.since(self.from) > kept + Duration::from_secs(24 * 3_600) {
            return Err(Error::new(codes::WINDOW_UNAVAILABLE, detail));
        }
        windows(self.size, &self.zone, self.from, to)
    }
}

/// `complete` is false while the newest window is open.
pub fn is_complete(windows: &[Window], now: Timestamp) -> bool {
    windows.last().is_none_or(|window| window.end <= now)
}

/// The scope a caller may ask for: anybody's with `usage.report.read_all`, else one's own as a user.
///
/// # Errors
/// `forbidden`; `invalid_request` if the two do not go together.
pub async fn permitted_scope(
    caller: &Caller,
    scope: Option<ScopeType>,
    scope_id: Option<&str>,
    group_by: &[String],
) -> Result<(ScopeType, Option<String>)> {
    let of_group = group_by.iter().find_map(|name| match name.as_str() {
        "user" => Some(ScopeType::User),
        "team" => Some(ScopeType::Team),
        "project" => Some(ScopeType::Project),
        "subject" => Some(ScopeType::Subject),
        _ => None,
    });
    if !caller.may::<ReportReadAll>() {
        let own = caller.user().map(|user| user.to_string());
        let asks_own = match (scope, scope_id) {
            (None, None) => true,
            (Some(ScopeType::User), id) => id.is_none() || id == own.as_deref(),
            _ => false,
        };
        let groups_own = of_group.is_none_or(|it| it == ScopeType::User);
        return match own {
            Some(own) if asks_own && groups_own => Ok((ScopeType::User, Some(own))),
            _ => Err(caller.deny::<ReportReadAll>("you see your own usage only").await),
        };
    }
    let refuse =
        |pointer: &str, code, detail: &str| Err(Error::fault(pointer, code, detail.to_owned()));
    match (scope.unwrap_or(ScopeType::Organization), scope_id, of_group) {
        (ScopeType::Organization, None, None) => Ok((ScopeType::Organization, Some(String::new()))),
        (ScopeType::Organization, None, Some(group)) => Ok((group, None)),
        (ScopeType::Organization, Some(_), _) => {
            refuse("/scopeId", FaultCode::NotAllowed, "an organization has only one")
        }
        (_, None, _) => refuse("/scopeId", FaultCode::Required, "whose?"),
        (scope, Some(id), group) if group.is_none_or(|it| it == scope) => {
            Ok((scope, Some(id.to_owned())))
        }
        _ => refuse("/groupBy", FaultCode::NotAllowed, "one scope is not told apart by another"),
    }
}

/// `name:value`, a filter of a query parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub name: String,
    pub value: String,
}

impl FromStr for Filter {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Filter, InputError> {
        match text.split_once(':') {
            Some((name, value)) if !name.is_empty() && value.chars().count() <= 64 => {
                Ok(Filter { name: name.to_owned(), value: value.to_owned() })
            }
            _ => {
                Err(InputError::bad_format("must be a dimension and a value, such as model:large"))
            }
        }
    }
}

millwright_core::deserr_from_str!(Filter);

impl utoipa::PartialSchema for Filter {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
        let object = ObjectBuilder::new().schema_type(Type::String).max_length(Some(97));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl utoipa::ToSchema for Filter {}

/// Filters of one dimension are alternatives.
pub fn gathered(filters: &[Filter]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for filter in filters {
        all.entry(filter.name.clone()).or_default().push(filter.value.clone());
    }
    all
}
