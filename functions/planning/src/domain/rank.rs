//! The manual order within a board column: a fractional index.

use std::str::FromStr;

use millwright_core::{Error, InputError, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Opaque text that sorts as the column does; at most 60 characters of `0-9a-z`, the last of them
/// never `0`, so that there is always room before it. Equal ranks order by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Rank(String);

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Rank {
    pub const MAX_CHARACTERS: usize = 60;

    /// Last in its column: the milliseconds of the moment in base 36, nine digits, which holds
    /// until the year 5188, then the number, so that no two tasks of a project share it.
    pub fn last_at(now: Timestamp, number: u64) -> Rank {
        let moment = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Rank(format!("{}{}i", digits::<9>(moment), digits::<4>(number)))
    }

    /// A rank that sorts after `before` and before `after`, about in the middle. Without `before`
    /// the beginning of the column is meant, without `after` right behind `before`.
    ///
    /// # Errors
    /// `limit_reached` if only more than 60 characters could tell it apart, or if the two are equal.
    pub fn between(before: Option<&Rank>, after: Option<&Rank>) -> Result<Rank> {
        let low = before.map_or(&[][..], |rank| rank.0.as_bytes());
        let Some(high) = after.map(|rank| rank.0.as_bytes()) else {
            let behind = format!("{}i", before.map_or("", Rank::as_str));
            return if behind.len() <= Rank::MAX_CHARACTERS { Ok(Rank(behind)) } else { full() };
        };
        let mut middle = String::new();
        let mut bounded_above = true;
        for place in 0..Rank::MAX_CHARACTERS {
            let from = low.get(place).map_or(0, |digit| value(*digit));
            let to = match bounded_above {
                true => high.get(place).map_or(0, |digit| value(*digit)),
                false => DIGITS.len(),
            };
            if from + 1 < to {
                middle.push(char::from(DIGITS[usize::midpoint(from, to)]));
                return Ok(Rank(middle));
            }
            middle.push(char::from(DIGITS[from]));
            // Below the upper bound already: what follows may be anything above the lower one.
            bounded_above = bounded_above && from == to;
        }
        full()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn full() -> Result<Rank> {
    Err(Error::limit_reached("characters of a rank", Rank::MAX_CHARACTERS as u64))
}

fn value(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).unwrap_or_default()
}

/// The last `N` digits in base 36.
fn digits<const N: usize>(number: u64) -> String {
    let mut rest = number;
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 36).unwrap_or_default()];
        rest /= 36;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

impl FromStr for Rank {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Rank, InputError> {
        let proper = (1..=Rank::MAX_CHARACTERS).contains(&text.len())
            && text.bytes().all(|byte| DIGITS.contains(&byte))
            && !text.ends_with('0');
        if !proper {
            return Err(InputError::bad_format("must be 1-60 of 0-9 and a-z, last no 0"));
        }
        Ok(Rank(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: i64, number: u64) -> Rank {
        Rank::last_at(Timestamp::from_millisecond(milliseconds), number)
    }

    proptest! {
        #[test]
        fn later_ranks_sort_later(a in 0i64..101_559_956_668_415, b in 0i64..101_559_956_668_415, n in 1u64..100_000, m in 1u64..100_000) {
            prop_assert_eq!((a, n).cmp(&(b, m)), at(a, n).cmp(&at(b, m)));
        }

        #[test]
        fn there_is_always_room_between_two(start in prop::collection::vec((0i64..5_000, 1u64..9), 2..6), places in prop::collection::vec(0usize..100, 0..150)) {
            let mut column: Vec<Rank> = start.iter().map(|(ms, n)| at(*ms, *n)).collect();
            column.sort();
            column.dedup();
            for place in places {
                let place = place % (column.len() + 1);
                let before = place.checked_sub(1).and_then(|before| column.get(before));
                let Ok(rank) = Rank::between(before, column.get(place)) else { continue };
                prop_assert!(before.is_none_or(|before| before < &rank));
                prop_assert!(column.get(place).is_none_or(|after| &rank < after));
                prop_assert!(!rank.as_str().ends_with('0'));
                column.insert(place, rank);
            }
        }
    }

    #[test]
    fn two_hundred_moves_to_one_place_fit() {
        let (first, mut last) = (at(1, 1), at(2, 2));
        for _ in 0..200 {
            last = Rank::between(Some(&first), Some(&last)).expect("room");
        }
        let mut first = first;
        let last = at(2, 2);
        for _ in 0..200 {
            first = Rank::between(Some(&first), Some(&last)).expect("room");
        }
    }

    #[test]
    fn without_room_it_says_so() {
        let (first, mut last) = (at(1, 1), at(2, 2));
        let refused = (0..1_000).find_map(|_| match Rank::between(Some(&first), Some(&last)) {
            Ok(rank) => {
                last = rank;
                None
            }
            Err(error) => Some(error.code().name),
        });
        assert_eq!(refused, Some("limit_reached"));
    }
}
