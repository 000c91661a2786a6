//! How a user wants the clients to be: nobody else sees it.

use std::collections::BTreeMap;

use millwright_core::{
    Change, Error, Fault, FaultCode, Faults, InputError, Line, Patch, Result, Timestamp, codes,
    wire_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{Few, Stamp, WeekStart, settings::merge};

wire_enum! {
    /// Bright or dark.
    pub enum Theme {
        System = "system",
        Light = "light",
        Dark = "dark",
    }
}

wire_enum! {
    /// `2026-11-23`, `23.11.2026`, `11/23/2026`.
    pub enum DateFormat {
        Iso = "iso",
        DayFirst = "dmy",
        MonthFirst = "mdy",
    }
}

wire_enum! {
    /// `17:00` or `5:00 pm`.
    pub enum TimeFormat {
        Hours24 = "h24",
        Hours12 = "h12",
    }
}

wire_enum! {
    /// A day of the week.
    pub enum Weekday {
        Monday = "monday",
        Tuesday = "tuesday",
        Wednesday = "wednesday",
        Thursday = "thursday",
        Friday = "friday",
        Saturday = "saturday",
        Sunday = "sunday",
    }
}

wire_enum! {
    /// Where a notification goes.
    pub enum Channel {
        InApp = "in_app",
        Email = "email",
    }
}

/// A time of the day, `HH:MM`, 00:00-23:59.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeOfDay(String);

const TIME_PATTERN: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

impl std::str::FromStr for TimeOfDay {
    type Err = InputError;

    fn from_str(text: &str) -> Result<TimeOfDay, InputError> {
        let bad = || InputError::bad_format("must be a time of the day such as 09:00");
        let (hours, minutes) = text.split_once(':').ok_or_else(bad)?;
        let number = |text: &str, below: u8| {
            let is_pair = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            is_pair && text.parse::<u8>().is_ok_and(|number| number < below)
        };
        match number(hours, 24) && number(minutes, 60) {
            true => Ok(TimeOfDay(text.to_owned())),
            false => Err(bad()),
        }
    }
}

millwright_core::deserr_from_str!(TimeOfDay);

impl PartialSchema for TimeOfDay {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(Type::String).pattern(Some(TIME_PATTERN));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for TimeOfDay {}

/// Part of a day; it begins before it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct Interval {
    pub start: TimeOfDay,
    pub end: TimeOfDay,
}

/// A time in which the user wants to be left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct FocusBlock {
    pub weekday: Weekday,
    pub start: TimeOfDay,
    pub end: TimeOfDay,
    pub label: Line<1, 100>,
}

/// Channels of a kind of event, none twice; none at all: no notification.
pub type Channels = Few<Channel, 0, 2>;
/// By weekday, whose name is the key.
pub type WorkingHours = BTreeMap<Weekday, Vec<Interval>>;

const MAX_INTERVALS: usize = 4;
const MAX_FOCUS_BLOCKS: usize = 20;
const MAX_NOTIFICATIONS: usize = 100;
const MAX_CUSTOM_BYTES: usize = 32 * 1024;

/// The preferences of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "theme": "system",
    "dateFormat": "iso",
    "timeFormat": "h24",
    "weekStart": "monday",
    "workingHours": { "monday": [{ "start": "09:00", "end": "17:00" }] },
    "focusBlocks": [
        { "weekday": "tuesday", "start": "09:00", "end": "11:00", "label": "Writing" },
    ],
    "notifications": { "planning.task": ["in_app", "email"] },
    "custom": { "web": { "sidebar": "narrow" } },
    "version": 2,
    "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct Preferences {
    pub theme: Theme,
    pub date_format: DateFormat,
    pub time_format: TimeFormat,
    pub week_start: WeekStart,
    /// By weekday: at most four intervals that do not overlap.
    #[schema(value_type = BTreeMap<String, Vec<Interval>>)]
    pub working_hours: WorkingHours,
    pub focus_blocks: Vec<FocusBlock>,
    /// By what the types of events begin with: where notifications of them go.
    #[schema(value_type = BTreeMap<String, Vec<Channel>>)]
    pub notifications: BTreeMap<String, Channels>,
    /// A JSON object of at most 32 KB; a member for each client.
    #[schema(value_type = Object)]
    pub custom: Map<String, Value>,
    pub version: u64,
    pub updated_at: Timestamp,
}

/// What a PATCH changes: maps and `custom` are merged member by member.
#[derive(Clone, Debug, Default)]
pub struct PreferencesPatch {
    pub theme: Patch<Theme>,
    pub date_format: Patch<DateFormat>,
    pub time_format: Patch<TimeFormat>,
    pub week_start: Patch<WeekStart>,
    pub working_hours: Patch<BTreeMap<Weekday, Option<Vec<Interval>>>>,
    pub focus_blocks: Patch<Vec<FocusBlock>>,
    pub notifications: Patch<BTreeMap<String, Option<Channels>>>,
    pub custom: Patch<Map<String, Value>>,
}

/// Mondays to Fridays from nine to five.
fn usual_hours(weekday: Weekday) -> Vec<Interval> {
    match weekday {
        Weekday::Saturday | Weekday::Sunday => Vec::new(),
        _ => vec![Interval {
            start: TimeOfDay("09:00".to_owned()),
            end: TimeOfDay("17:00".to_owned()),
        }],
    }
}

impl Preferences {
    /// As long as nobody has set anything.
    pub fn initial(at: Timestamp) -> Preferences {
        let hours = Weekday::ALL.iter().map(|weekday| (*weekday, usual_hours(*weekday)));
        Preferences {
            theme: Theme::System,
            date_format: DateFormat::Iso,
            time_format: TimeFormat::Hours24,
            week_start: WeekStart::Monday,
            working_hours: hours.collect(),
            focus_blocks: Vec::new(),
            notifications: BTreeMap::new(),
            custom: Map::new(),
            version: 1,
            updated_at: at,
        }
    }

    /// After the patch; equal to these if nothing changes. What is cleared is as it was at first.
    ///
    /// # Errors
    /// `invalid_request` with every fault; `too_large`.
    pub fn patched(&self, patch: PreferencesPatch) -> Result<Preferences> {
        let initial = Preferences::initial(self.updated_at);
        let mut next = self.clone();
        apply(patch.theme, &mut next.theme, initial.theme);
        apply(patch.date_format, &mut next.date_format, initial.date_format);
        apply(patch.time_format, &mut next.time_format, initial.time_format);
        apply(patch.week_start, &mut next.week_start, initial.week_start);
        apply(patch.focus_blocks, &mut next.focus_blocks, Vec::new());
        match patch.working_hours {
            Patch::Keep => {}
            Patch::Clear => next.working_hours = initial.working_hours,
            Patch::Set(days) => {
                for (weekday, hours) in days {
                    let hours = hours.unwrap_or_else(|| usual_hours(weekday));
                    next.working_hours.insert(weekday, hours);
                }
            }
        }
        match patch.notifications {
            Patch::Keep => {}
            Patch::Clear => next.notifications.clear(),
            Patch::Set(prefixes) => {
                for (prefix, channels) in prefixes {
                    match channels {
                        Some(channels) => next.notifications.insert(prefix, channels),
                        None => next.notifications.remove(&prefix),
                    };
                }
            }
        }
        match patch.custom {
            Patch::Keep => {}
            Patch::Clear => next.custom.clear(),
            Patch::Set(custom) => merge(&mut next.custom, custom),
        }
        next.check()?;
        Ok(next)
    }

    fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        let mut fault = |pointer: String, code, detail: String| {
            faults.0.push(Fault::new(pointer, code, detail));
        };
        for (weekday, hours) in &self.working_hours {
            let pointer = format!("/workingHours/{weekday}");
            if hours.len() > MAX_INTERVALS {
                let detail = format!("must have at most {MAX_INTERVALS} intervals");
                fault(pointer.clone(), FaultCode::TooLong, detail);
            }
            let mut sorted: Vec<&Interval> = hours.iter().collect();
            sorted.sort_by_key(|interval| &interval.start);
            let overlap = sorted.windows(2).any(|pair| pair[0].end > pair[1].start);
            if overlap || hours.iter().any(|interval| interval.start >= interval.end) {
                let detail = "intervals must begin before they end, and not overlap";
                fault(pointer, FaultCode::BadFormat, detail.to_owned());
            }
        }
        if self.focus_blocks.len() > MAX_FOCUS_BLOCKS {
            let detail = format!("must have at most {MAX_FOCUS_BLOCKS} entries");
            fault("/focusBlocks".to_owned(), FaultCode::TooLong, detail);
        }
        for (index, block) in self.focus_blocks.iter().enumerate() {
            if block.start >= block.end {
                let detail = "must begin before it ends".to_owned();
                fault(format!("/focusBlocks/{index}"), FaultCode::BadFormat, detail);
            }
        }
        if self.notifications.len() > MAX_NOTIFICATIONS {
            let detail = format!("must have at most {MAX_NOTIFICATIONS} members");
            fault("/notifications".to_owned(), FaultCode::TooLong, detail);
        }
        for prefix in self.notifications.keys().filter(|prefix| !is_event_prefix(prefix)) {
            let detail =
                "must be what types of events begin with, such as planning.task".to_owned();
            fault(format!("/notifications/{prefix}"), FaultCode::BadFormat, detail);
        }
        for client in self.custom.keys().filter(|client| !is_client(client)) {
            let detail = "must be 1-50 of a-z, 0-9 and -".to_owned();
            fault(format!("/custom/{client}"), FaultCode::BadFormat, detail);
        }
        if !faults.0.is_empty() {
            return Err(faults.into());
        }
        let size = serde_json::to_string(&self.custom).map_or(usize::MAX, |json| json.len());
        if size > MAX_CUSTOM_BYTES {
            let detail = "custom would be larger than 32 KB";
            return Err(Error::new(codes::TOO_LARGE, detail).with("limit", MAX_CUSTOM_BYTES));
        }
        Ok(())
    }

    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: &Stamp) -> Preferences {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self
    }
}

fn apply<T>(patch: Patch<T>, field: &mut T, initial: T) {
    let change = match patch {
        Patch::Keep => Change::Keep,
        Patch::Clear => Change::Set(initial),
        Patch::Set(value) => Change::Set(value),
    };
    change.apply_to(field);
}

/// `planning`, `planning.task`, `planning.task.created`.
fn is_event_prefix(text: &str) -> bool {
    let is_segment = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    text.len() <= 100 && text.split('.').count() <= 3 && text.split('.').all(is_segment)
}

fn is_client(text: &str) -> bool {
    (1..=50).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day_sort_as_they_pass() {
        let time = |text: &str| text.parse::<TimeOfDay>();
        assert!(time("09:00").expect("a time") < time("17:30").expect("a time"));
        for bad in ["9:00", "24:00", "12:60", "12", "12:5", "+1:00", ""] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_of_events_are_told_from_others() {
        for good in ["planning", "planning.task", "users.invitation.created"] {
            assert!(is_event_prefix(good), "{good}");
        }
        for bad in ["", "a..b", "a.b.c.d", "A", "planning.*"] {
            assert!(!is_event_prefix(bad), "{bad}");
        }
    }
}
