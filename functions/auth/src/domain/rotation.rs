//! When signing keys move on (specs auth, section 5.8): at most one step at a time.

use std::time::Duration;

use millwright_core::{Timestamp, wire_enum};

wire_enum! {
    /// Where a signing key stands. What is retired is in no set.
    pub enum KeyState {
        Next = "next",
        Current = "current",
        Previous = "previous",
    }
}

/// A key is promoted when the current one is so old.
const AGE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Verifiers have seen a key that was published so long, and forgotten tokens of one that was
/// demoted so long ago.
const SETTLED: Duration = Duration::from_secs(24 * 3_600);

/// A key and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    pub kid: String,
    pub state: KeyState,
    pub created_at: Timestamp,
    pub promoted_at: Option<Timestamp>,
    pub demoted_at: Option<Timestamp>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// There is no key at all.
    Begin,
    /// There is no next one.
    Prepare,
    Promote,
    /// The previous one is of no use any more.
    Retire,
    Nothing,
}

/// The one step that is due.
pub fn due(keys: &[KeyTimes], now: Timestamp) -> KeyStep {
    let at = |state| keys.iter().find(|key| key.state == state);
    let Some(current) = at(KeyState::Current) else { return KeyStep::Begin };
    let Some(next) = at(KeyState::Next) else { return KeyStep::Prepare };
    let is_over = |since: Option<Timestamp>, age| since.is_none_or(|at| now.since(at) >= age);
    match at(KeyState::Previous) {
        Some(previous) if is_over(previous.demoted_at, SETTLED) => KeyStep::Retire,
        None if is_over(current.promoted_at, AGE) && is_over(Some(next.created_at), SETTLED) => {
            KeyStep::Promote
        }
        _ => KeyStep::Nothing,
    }
}

/// The keys after a promotion.
#[must_use]
pub fn promoted(keys: &[KeyTimes], now: Timestamp) -> Vec<KeyTimes> {
    let moved = |key: &KeyTimes| match key.state {
        KeyState::Next => {
            Some(KeyTimes { state: KeyState::Current, promoted_at: Some(now), ..key.clone() })
        }
        KeyState::Current => {
            Some(KeyTimes { state: KeyState::Previous, demoted_at: Some(now), ..key.clone() })
        }
        KeyState::Previous => None,
    };
    keys.iter().filter_map(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: KeyState, at: i64) -> KeyTimes {
        let at = Timestamp::from_millisecond(at * 1_000);
        KeyTimes {
            kid: state.to_string(),
            state,
            created_at: at,
            promoted_at: Some(at),
            demoted_at: Some(at),
        }
    }

    #[test]
    fn keys_move_one_step_at_a_time() {
        use KeyState::{Current, Next, Previous};
        let day = 24 * 3_600;
        let at = |seconds: i64| Timestamp::from_millisecond(seconds * 1_000);
        assert_eq!(due(&[], at(0)), KeyStep::Begin);
        assert_eq!(due(&[key(Current, 0)], at(0)), KeyStep::Prepare);
        let both = [key(Current, 0), key(Next, 0)];
        assert_eq!(due(&both, at(30 * day - 1)), KeyStep::Nothing);
        assert_eq!(due(&both, at(30 * day)), KeyStep::Promote);
        let fresh = [key(Current, 0), key(Next, 30 * day)];
        assert_eq!(due(&fresh, at(31 * day - 1)), KeyStep::Nothing, "not published for a day");
        let all = [key(Current, 0), key(Next, 0), key(Previous, 0)];
        assert_eq!(due(&all, at(day - 1)), KeyStep::Nothing);
        assert_eq!(due(&all, at(day)), KeyStep::Retire);
        let states = |keys: Vec<KeyTimes>| keys.iter().map(|it| it.state).collect::<Vec<_>>();
        assert_eq!(states(promoted(&both, at(1))), [Previous, Current]);
    }
}
