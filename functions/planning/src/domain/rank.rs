//! The manual order within a board column.

use millwright_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Opaque text that sorts as the column does; at most 60 characters of `0-9a-z`. Equal ranks order
/// by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Rank(String);

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Rank {
    /// Last in its column: the milliseconds of the moment in base 36, nine digits, which holds
    /// until the year 5188.
    pub fn last_at(now: Timestamp) -> Rank {
        let mut rest = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let mut digits = [b'0'; 9];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[usize::try_from(rest % 36).unwrap_or_default()];
            rest /= 36;
        }
        Rank(digits.iter().map(|digit| char::from(*digit)).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn later_ranks_sort_later(a in 0i64..101_559_956_668_415, b in 0i64..101_559_956_668_415) {
            let rank = |ms| Rank::last_at(Timestamp::from_millisecond(ms));
            prop_assert_eq!(a.cmp(&b), rank(a).cmp(&rank(b)));
        }
    }
}
