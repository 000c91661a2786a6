//! One's own preferences.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Fault, FaultCode, Faults, Patch, Result};
use millwright_http::{Answered, Body, IfMatch, Representation, SignedIn, Versioned};
use millwright_store::Contention;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    domain::{
        Channel, Channels, DateFormat, FocusBlock, Interval, Preferences, PreferencesPatch, Theme,
        TimeFormat, User, WeekStart, Weekday,
    },
    store::{PreferencesItem, user_place},
};

/// A change of one's preferences. What is cleared is as it was at first.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "theme": "dark", "workingHours": { "friday": [{ "start": "09:00", "end": "13:00" }] },
}))]
pub struct PreferencesPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    theme: Patch<Theme>,
    #[deserr(default)]
    #[schema(required = false)]
    date_format: Patch<DateFormat>,
    #[deserr(default)]
    #[schema(required = false)]
    time_format: Patch<TimeFormat>,
    #[deserr(default)]
    #[schema(required = false)]
    week_start: Patch<WeekStart>,
    /// By weekday; merged.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<BTreeMap<String, Option<Vec<Interval>>>>)]
    working_hours: Patch<Value>,
    /// At most 20, all of them.
    #[deserr(default)]
    #[schema(required = false)]
    focus_blocks: Patch<Vec<FocusBlock>>,
    /// By what the types of events begin with; merged; at most 100.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<BTreeMap<String, Option<Vec<Channel>>>>)]
    notifications: Patch<Value>,
    /// A member for each client, 1-50 of a-z, 0-9 and -; merged; at most 32 KB afterwards.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Object>)]
    custom: Patch<Value>,
}

impl PreferencesPatchIn {
    fn patch(self) -> Result<PreferencesPatch, Faults> {
        let custom = match self.custom {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(custom) => Patch::Set(object("/custom", custom)?),
        };
        let working_hours = match self.working_hours {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(days) => Patch::Set(by_weekday(members("/workingHours", days)?)?),
        };
        let notifications: Patch<BTreeMap<String, Option<Channels>>> = match self.notifications {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(prefixes) => Patch::Set(members("/notifications", prefixes)?),
        };
        Ok(PreferencesPatch {
            theme: self.theme,
            date_format: self.date_format,
            time_format: self.time_format,
            week_start: self.week_start,
            working_hours,
            focus_blocks: self.focus_blocks,
            notifications,
            custom,
        })
    }
}

fn object(pointer: &str, value: Value) -> Result<Map<String, Value>, Faults> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Faults::of(Fault::new(pointer, FaultCode::WrongType, "must be an object"))),
    }
}

/// The members of an object, each read for itself; null clears one.
fn members<T: Deserr<Faults>>(
    pointer: &str,
    value: Value,
) -> Result<BTreeMap<String, Option<T>>, Faults> {
    let mut faults = Faults::default();
    let mut members = BTreeMap::new();
    for (name, value) in object(pointer, value)? {
        match deserr::deserialize::<Option<T>, _, Faults>(value) {
            Ok(member) => {
                members.insert(name, member);
            }
            Err(refused) => faults.0.extend(refused.0.into_iter().map(|mut fault| {
                fault.pointer = format!("{pointer}/{name}{}", fault.pointer);
                fault
            })),
        }
    }
    if faults.0.is_empty() { Ok(members) } else { Err(faults) }
}

/// What is said of the days of the week, by the days.
fn by_weekday<T>(days: BTreeMap<String, T>) -> Result<BTreeMap<Weekday, T>, Faults> {
    let mut faults = Faults::default();
    let mut by_weekday = BTreeMap::new();
    for (name, hours) in days {
        match name.parse::<Weekday>() {
            Ok(weekday) => {
                by_weekday.insert(weekday, hours);
            }
            Err(_) => {
                let pointer = format!("/workingHours/{name}");
                let detail = "must be a day of the week, such as monday";
                faults.0.push(Fault::new(pointer, FaultCode::BadFormat, detail));
            }
        }
    }
    if faults.0.is_empty() { Ok(by_weekday) } else { Err(faults) }
}

impl Representation for Preferences {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        "/api/v1/users/me/preferences".to_owned()
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// Read one's own preferences
///
/// One batch read.
#[utoipa::path(get, path = "/api/v1/users/me/preferences", tag = "Users")]
pub async fn my_preferences_get(
    caller: SignedIn,
    State(app): State<UserManagement>,
) -> Answered<Versioned<Preferences>> {
    let (preferences, _) = read(&app, &caller).await?;
    Ok(Versioned(preferences))
}

/// Change one's own preferences
///
/// `workingHours`, `notifications` and `custom` are merged. A change of nothing is no change. One
/// batch read and one transaction of one item.
#[utoipa::path(patch, path = "/api/v1/users/me/preferences", tag = "Users")]
pub async fn my_preferences_update(
    caller: SignedIn,
    State(app): State<UserManagement>,
    if_match: IfMatch,
    Body(patch): Body<PreferencesPatchIn>,
) -> Answered<Versioned<Preferences>> {
    let patch = patch.patch()?;
    let attempt = || async {
        let (before, is_stored) = read(&app, &caller).await?;
        if_match.check(before.version)?;
        let after = before.patched(patch.clone())?;
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        let after = after.stamped(&app.stamp(&caller));
        let item = PreferencesItem::of(&after)?;
        let step = match is_stored {
            true => write.replace(&item, before.version),
            false => write.create(&item),
        };
        write.refused_as(step, Error::lost_race());
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The preferences, and whether the user has set any. One BatchGetItem.
async fn read(app: &UserManagement, caller: &SignedIn) -> Result<(Preferences, bool)> {
    let person = caller.tenant();
    let places = [user_place(&person), PreferencesItem::place(&person)];
    let items = app.store.get_many(&places).await?;
    let user = items.iter().find(|item| item.is::<User>());
    let user: User = user.ok_or_else(|| Error::not_found("user"))?.decode()?;
    match items.iter().find(|item| item.is::<PreferencesItem>()) {
        Some(item) => Ok((item.decode::<PreferencesItem>()?.preferences()?, true)),
        None => Ok((Preferences::initial(user.created_at), false)),
    }
}
