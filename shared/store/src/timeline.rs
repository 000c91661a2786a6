//! Lists of what is kept by day: newest first, over partitions that each hold a part of one day.

use futures::future::try_join_all;
use millwright_core::{Result, Timestamp};

use crate::{Query, RawItem, Store};

const DAY: i64 = 24 * 3_600 * 1_000;
/// Entries that one page looks at, admitted or not.
const MAX_EXAMINED: usize = 1_000;

/// Things in partitions of days (UTC), in the order of sort keys that rise with time.
pub trait Timeline: Sync {
    /// What a list shows.
    type Entry: Send;

    /// The partitions of the day in which `at` falls.
    fn of_day(&self, at: Timestamp) -> Vec<Query>;

    /// The least sort key of a moment.
    fn key_at(&self, at: Timestamp) -> String;

    /// The moment of a sort key; none if it is no key of these.
    fn moment_of(&self, key: &str) -> Option<Timestamp>;

    /// The sort key of an item, and what a list shows of it; none if a filter leaves it out.
    ///
    /// # Errors
    /// `internal`: it cannot be read.
    fn read(&self, item: &RawItem) -> Result<(String, Option<Self::Entry>)>;
}

impl Store {
    /// The newest entries from `from` on and before `to`, at most `limit`, and behind which sort key
    /// the next page begins. As many queries at once as a day has partitions, day after day until
    /// the page is full or 1,000 entries are looked at.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn newest<T: Timeline>(
        &self,
        timeline: &T,
        from: Timestamp,
        to: Timestamp,
        behind: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<T::Entry>, Option<String>)> {
        let floor = timeline.key_at(from);
        let mut before = behind.map_or_else(|| timeline.key_at(to), str::to_owned);
        let mut day = behind.and_then(|key| timeline.moment_of(key)).unwrap_or(to);
        let (mut found, mut examined) = (Vec::new(), 0);
        loop {
            let shards = timeline.of_day(day).into_iter().map(|query| {
                let query = query.until_sort_key(before.clone()).descending(true);
                async move { self.page(&query, limit + 1, None).await }
            });
            let mut keyed = Vec::new();
            for page in try_join_all(shards).await? {
                for item in &page.items {
                    keyed.push(timeline.read(item)?);
                }
            }
            keyed.retain(|(key, _)| *key < before && floor <= *key);
            keyed.sort_by(|(a, _), (b, _)| b.cmp(a));
            // Beyond so many the partitions may have left something out.
            let is_cut = keyed.len() > limit;
            keyed.truncate(limit);
            examined += keyed.len();
            for (key, entry) in keyed {
                before = key;
                let Some(entry) = entry else { continue };
                found.push(entry);
                if found.len() == limit {
                    return Ok((found, Some(before)));
                }
            }
            if is_cut {
                if examined >= MAX_EXAMINED {
                    return Ok((found, Some(before)));
                }
                continue;
            }
            let midnight = day.as_millisecond().div_euclid(DAY) * DAY;
            if midnight <= from.as_millisecond() {
                return Ok((found, None));
            }
            before = timeline.key_at(Timestamp::from_millisecond(midnight));
            day = Timestamp::from_millisecond(midnight - 1);
            if examined >= MAX_EXAMINED {
                return Ok((found, Some(before)));
            }
        }
    }
}
