//! Settings of an organization.

use millwright_core::{Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Period, Zone, period_window};

millwright_core::wire_enum! {
    /// How far from the usual an hour must be.
    pub enum Sensitivity {
        Off = "off",
        Low = "low",
        Normal = "normal",
        High = "high",
    }
}

millwright_core::wire_enum! {
    /// What becomes of events of a type that no category takes.
    pub enum UnknownTypes {
        Accept = "accept",
        Reject = "reject",
    }
}

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "timeZone": "Europe/Berlin", "nextTimeZone": null, "nextTimeZoneFrom": null, "anomalySensitivity": "normal", "membersSeeProjectCost": true,
    "unknownTypes": "accept", "writeShards": 1, "version": 1,
    "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct Settings {
    /// Of queries, statements and limits that name none.
    pub time_zone: Zone,
    /// What it becomes with the next local midnight, if it was changed today.
    #[serde(default)]
    pub next_time_zone: Option<Zone>,
    #[serde(default)]
    pub next_time_zone_from: Option<Timestamp>,
    pub anomaly_sensitivity: Sensitivity,
    pub members_see_project_cost: bool,
    pub unknown_types: UnknownTypes,
    /// Over how many items each counter is spread: 1, 2, 4, 8 or 16.
    pub write_shards: u8,
    pub version: u64,
    pub updated_at: Timestamp,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            time_zone: Zone::utc(),
            next_time_zone: None,
            next_time_zone_from: None,
            anomaly_sensitivity: Sensitivity::Normal,
            members_see_project_cost: true,
            unknown_types: UnknownTypes::Accept,
            write_shards: 1,
            version: 0,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
}

impl Settings {
    /// As they hold at a time.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Settings {
        if self.next_time_zone_from.is_some_and(|from| from <= now)
            && let Some(zone) = self.next_time_zone.take()
        {
            self.time_zone = zone;
            self.next_time_zone_from = None;
        }
        self
    }

    /// Another zone holds from the next midnight of the present one on: no day is cut in two.
    ///
    /// # Errors
    /// `window_unavailable` at the ends of time.
    pub fn change_zone(&mut self, zone: Zone, now: Timestamp) -> Result<()> {
        (self.next_time_zone, self.next_time_zone_from) = (None, None);
        if zone != self.time_zone {
            let today = period_window(Period::Day, &self.time_zone, 1, now)?;
            (self.next_time_zone, self.next_time_zone_from) = (Some(zone), Some(today.end));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_zone_holds_from_the_next_midnight_of_the_old_one() {
        let zone = |name: &str| name.parse::<Zone>().expect("a zone");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let mut settings = Settings { time_zone: zone("America/New_York"), ..Settings::default() };
        // The clock is put back that night: the day has 25 hours.
        let now = at("2026-11-01T05:30:00Z");
        settings.change_zone(zone("Asia/Kathmandu"), now).expect("a day");
        assert_eq!(settings.next_time_zone_from, Some(at("2026-11-02T05:00:00Z")));
        let later = |text: &str| settings.clone().at(at(text)).time_zone;
        assert_eq!(later("2026-11-02T04:59:59Z"), zone("America/New_York"));
        assert_eq!(later("2026-11-02T05:00:00Z"), zone("Asia/Kathmandu"));
        let mut back = settings.clone();
        back.change_zone(zone("America/New_York"), now).expect("a day");
        assert_eq!((back.next_time_zone, back.next_time_zone_from), (None, None));
    }
}
