//! Exact quantities.
//!
//! A whole number of 10^-9 in an `i128`, not a decimal crate: all that is done with quantities is
//! adding, comparing and multiplying by a price, and the counters of DynamoDB hold 38 digits, as
//! `i128` does. A quantity has 27 of them, which leaves sums of 10^11 largest ones; `rust_decimal`
//! has 28 in all and rounds silently beyond.

use std::{
    borrow::Cow,
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub},
    str::FromStr,
};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use millwright_core::{FaultCode, Faults, InputError};
use millwright_http::extract::written;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::Pointer;

/// Digits behind the point.
const SCALE: usize = 9;
/// Digits before it.
const WHOLE: usize = 18;

/// A decimal with at most 18 digits before the point and 9 behind it; sums may have more before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i128);

impl Quantity {
    pub const ZERO: Quantity = Quantity(0);
    pub const ONE: Quantity = Quantity(Quantity::UNIT);
    /// How many parts make a whole one.
    pub const UNIT: i128 = 1_000_000_000;

    pub const fn from_nano(nano: i128) -> Quantity {
        Quantity(nano)
    }

    pub const fn whole(number: i64) -> Quantity {
        Quantity(number as i128 * Quantity::UNIT)
    }

    /// In parts of 10^-9: what counters hold.
    pub const fn nano(self) -> i128 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Divided and rounded half-even at 9 digits; none by zero.
    pub fn divided_by(self, count: i128) -> Option<Quantity> {
        (count != 0).then(|| Quantity(divide_half_even(self.0, count)))
    }
}

/// Rounded to the nearest, a tie to the even one. `divisor` must not be zero.
pub fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let (dividend, divisor) = if divisor < 0 { (-dividend, -divisor) } else { (dividend, divisor) };
    let quotient = dividend.div_euclid(divisor);
    let rest = dividend.rem_euclid(divisor);
    // rest < divisor, so the difference cannot overflow where twice the rest could.
    match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

impl fmt::Display for Quantity {
    /// Without an exponent and without zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = Quantity::UNIT.unsigned_abs();
        let (whole, part) = (self.0.unsigned_abs() / unit, self.0.unsigned_abs() % unit);
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if part != 0 {
            let part = format!("{part:09}");
            write!(f, ".{}", part.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

impl FromStr for Quantity {
    type Err = InputError;

    /// A JSON number or the same in a text: read digit by digit, an exponent moves the point.
    fn from_str(text: &str) -> Result<Quantity, InputError> {
        let bad = || InputError::bad_format("must be a decimal number such as 12 or 0.5");
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(bad());
                }
                // Further than that nothing but zero is within limits.
                (mantissa, exponent.parse::<i32>().map_err(|_| bad())?.clamp(-200, 200))
            }
            None => (unsigned, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_proper = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        let is_empty = whole.is_empty() || (mantissa.contains('.') && part.is_empty());
        if is_empty || !is_proper(whole) || !is_proper(part) || mantissa.len() > 200 {
            return Err(bad());
        }
        let digits: String = [whole, part].concat();
        let significant = digits.trim_start_matches('0');
        let point = whole.len() as i32 + exponent - (digits.len() - significant.len()) as i32;
        let significant = significant.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Quantity::ZERO);
        }
        if point > WHOLE as i32 {
            let detail = format!("must have at most {WHOLE} digits before the point");
            return Err(InputError::new(FaultCode::TooLarge, detail));
        }
        if significant.len() as i32 - point > SCALE as i32 {
            let detail = format!("must have at most {SCALE} digits behind the point");
            return Err(InputError::bad_format(detail));
        }
        // At most 27 digits.
        let shift = SCALE as i32 + point - significant.len() as i32;
        let number: i128 = significant.parse().map_err(|_| bad())?;
        let nano = number * 10i128.pow(shift.unsigned_abs());
        Ok(Quantity(if negative { -nano } else { nano }))
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Sums have more digits than a single quantity may.
        read_sum(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no quantity")))
    }
}

/// A sum as [`Quantity`] shows it, of any size.
fn read_sum(text: &str) -> Option<Quantity> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if part.len() > SCALE {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let part: i128 = format!("{part:0<9}").parse().ok()?;
    let nano = whole.checked_mul(Quantity::UNIT)?.checked_add(part)?;
    Some(Quantity(if negative { -nano } else { nano }))
}

impl Deserr<Faults> for Quantity {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let text = match value {
            Value::Integer(number) => number.to_string(),
            Value::NegativeInteger(number) => number.to_string(),
            Value::Float(number) => digits(location).unwrap_or_else(|| number.to_string()),
            value => <String as Deserr<Faults>>::deserialize_from_value(value, location)?,
        };
        text.parse().map_err(|refused| Faults::refused(refused, location))
    }
}

/// A number of the body as it was written: a float may not hold it.
fn digits(location: ValuePointerRef<'_>) -> Option<String> {
    let pointer = Pointer::of(&millwright_core::pointer(location));
    written(|body| pointer.find(body)?.scalar().map(Cow::into_owned)).flatten()
}

impl PartialSchema for Quantity {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^-?\d{1,38}(\.\d{1,9})?$"))
            .description(Some("A decimal; requests may send a number"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Quantity {}

impl Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Quantity) {
        *self = *self + other;
    }
}

impl Sub for Quantity {
    type Output = Quantity;

    fn sub(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_sub(other.0))
    }
}

impl Neg for Quantity {
    type Output = Quantity;

    fn neg(self) -> Quantity {
        Quantity(-self.0)
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Quantity>>(quantities: I) -> Quantity {
        quantities.fold(Quantity::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<Quantity>().ok().map(|quantity| quantity.to_string())
    }

    #[test]
    fn numbers_are_read_from_their_digits() {
        for (text, shown) in [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("0.000000001", "0.000000001"),
            ("1e3", "1000"),
            ("1.5E-2", "0.015"),
            ("0.10000000000000000000", "0.1"),
            ("999999999999999999.999999999", "999999999999999999.999999999"),
            ("-12.3", "-12.3"),
            ("0e99999999", "0"),
        ] {
            assert_eq!(read(text).as_deref(), Some(shown), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "+1",
            "1e",
            "0x1",
            "1_0",
            "NaN",
            "1e18",
            "0.0000000001",
            "0.10000000000000000001",
            "1000000000000000000",
            "1e99",
            "--1",
            "1 ",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn ties_go_to_the_even_one() {
        for (dividend, divisor, quotient) in
            [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (5, -2, -2), (7, 3, 2), (8, 3, 3)]
        {
            assert_eq!(divide_half_even(dividend, divisor), quotient, "{dividend}/{divisor}");
        }
        assert_eq!(divide_half_even(i128::MAX, i128::MAX), 1);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(nano in -999_999_999_999_999_999_999_999_999i128..=999_999_999_999_999_999_999_999_999) {
            let quantity = Quantity::from_nano(nano);
            prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
            let stored = serde_json::to_string(&quantity).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Quantity>(&stored).expect("stored"), quantity);
        }

        #[test]
        fn sums_survive_storage(nano in any::<i64>(), more in 0i128..1_000_000_000_000) {
            let quantity = Quantity::from_nano(i128::from(nano) * more);
            let stored = serde_json::to_string(&quantity).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Quantity>(&stored).expect("stored"), quantity);
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,60}|\\PC*") {
            let _ = text.parse::<Quantity>();
        }
    }
}
