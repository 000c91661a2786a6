//! Money, counted in whole pico-dollars (10^-12) and shown in micro-dollars (10^-6).

use std::{
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Quantity, divide_half_even};

/// An amount in pico-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(i128);

impl Cost {
    pub const ZERO: Cost = Cost(0);
    /// Pico-dollars of a micro-dollar.
    pub const MICRO: i128 = 1_000_000;
    /// The most one event may cost: 10^18 micro-dollars.
    pub const MAX: Cost = Cost(1_000_000_000_000_000_000 * Cost::MICRO);

    pub const fn from_pico(pico: i128) -> Cost {
        Cost(pico)
    }

    pub const fn from_micros(micros: i64) -> Cost {
        Cost(micros as i128 * Cost::MICRO)
    }

    pub const fn pico(self) -> i128 {
        self.0
    }

    /// Rounded half-even; saturated at the ends of 64 bits.
    pub fn micros(self) -> i64 {
        let micros = divide_half_even(self.0, Cost::MICRO);
        i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
    }

    /// An amount of micro-dollars, as callers give it.
    pub fn of_micros(micros: Quantity) -> Cost {
        Cost(divide_half_even(micros.nano(), Quantity::UNIT / Cost::MICRO))
    }

    /// The same in micro-dollars.
    pub fn as_micros(self) -> Quantity {
        Quantity::from_nano(self.0.saturating_mul(Quantity::UNIT / Cost::MICRO))
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// In pico-dollars, as a text: 64 bits are too few.
impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Cost).map_err(de::Error::custom)
    }
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}

impl Sub for Cost {
    type Output = Cost;

    fn sub(self, other: Cost) -> Cost {
        Cost(self.0.saturating_sub(other.0))
    }
}

impl Neg for Cost {
    type Output = Cost;

    fn neg(self) -> Cost {
        Cost(-self.0)
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::ZERO, Add::add)
    }
}

/// Shares a total in proportion to weights, so that the parts add up exactly: what is left after
/// rounding down goes to the largest remainders, of equal ones to the first. Without any weight
/// nothing is shared. Weights must not be negative.
pub fn share(total: Cost, weights: &[Quantity]) -> Vec<Cost> {
    // 27 digits times 30 do not fit: weights are cut to 53 bits of them, which only moves a part
    // by 10^-15 of the total.
    let largest = weights.iter().map(|weight| weight.nano()).max().unwrap_or(0);
    let shift = (128 - largest.leading_zeros()).saturating_sub(48);
    let weights: Vec<i128> = weights.iter().map(|weight| weight.nano().max(0) >> shift).collect();
    let sum: i128 = weights.iter().sum();
    if sum == 0 {
        return vec![Cost::ZERO; weights.len()];
    }
    let (whole, rest) = (total.0.div_euclid(sum), total.0.rem_euclid(sum));
    let mut parts: Vec<i128> =
        weights.iter().map(|weight| whole * weight + rest * weight / sum).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| (-(rest * weights[*at] % sum), *at));
    let left = total.0 - parts.iter().sum::<i128>();
    for at in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[at] += 1;
    }
    parts.into_iter().map(Cost).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shown_amounts_are_rounded_half_even() {
        for (pico, micros) in [(1_500_000, 2), (2_500_000, 2), (2_500_001, 3), (-1_500_000, -2)] {
            assert_eq!(Cost::from_pico(pico).micros(), micros, "{pico}");
        }
        let half: Quantity = "0.5".parse().expect("a number");
        assert_eq!(Cost::of_micros(half).pico(), 500_000);
        assert_eq!(Cost::from_pico(500_000).as_micros(), half);
    }

    proptest! {
        #[test]
        fn shares_add_up(total in 0i128..10i128.pow(30), weights in prop::collection::vec(0i128..10i128.pow(27), 1..20)) {
            let weights: Vec<Quantity> = weights.into_iter().map(Quantity::from_nano).collect();
            prop_assume!(weights.iter().any(|weight| !weight.is_zero()));
            let parts = share(Cost::from_pico(total), &weights);
            prop_assert_eq!(parts.iter().copied().sum::<Cost>().pico(), total);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(part.pico() >= 0);
                prop_assert!(!weight.is_zero() || part.is_zero());
            }
        }
    }
}
