//! Prices: which one holds, and what it comes to.

use deserr::Deserr;
use millwright_core::{Fault, FaultCode, Faults, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CategoryCode, Cost, Description, Labels, PriceId, Quantity, UpTo, divide_half_even};

/// The highest price of a unit, in micro-dollars.
pub const MAX_PRICE: u64 = 1_000_000_000_000;

millwright_core::wire_enum! {
    /// Who sets a price.
    pub enum PriceLevel {
        Global = "global",
        Organization = "organization",
    }
}

millwright_core::wire_enum! {
    /// How a price is applied.
    pub enum PriceModel {
        /// Free.
        None = "none",
        PerUnit = "per_unit",
        PerThousand = "per_thousand",
        PerMillion = "per_million",
        /// Of a metric in seconds.
        PerMinute = "per_minute",
        /// By the quantity of a calendar month.
        Tiered = "tiered",
        /// So much in every calendar month with any usage.
        Flat = "flat",
    }
}

millwright_core::wire_enum! {
    /// What a tier's price applies to.
    pub enum TierMode {
        /// Each unit costs what its tier says.
        Graduated = "graduated",
        /// All units cost what the tier of the total says.
        Volume = "volume",
    }
}

millwright_core::wire_enum! {
    /// Where a price is in time.
    pub enum PriceState {
        Scheduled = "scheduled",
        Active = "active",
        Ended = "ended",
    }
}

/// One step of a tiered price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct Tier {
    /// The last quantity that belongs to it; null for the last tier.
    #[deserr(default)]
    pub up_to: Option<Quantity>,
    #[deserr(default)]
    #[schema(required = false)]
    pub unit_price_micros: u64,
    /// Once a month, if the tier is reached.
    #[deserr(default)]
    #[schema(required = false)]
    pub flat_micros: u64,
}

/// A price of one measure of a category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    pub id: PriceId,
    pub category_code: CategoryCode,
    pub metric: String,
    pub level: PriceLevel,
    #[serde(rename = "match")]
    pub matching: Labels,
    pub model: PriceModel,
    pub unit_price_micros: Option<u64>,
    pub tiers: UpTo<Tier, 10>,
    pub tier_mode: TierMode,
    pub flat_micros: Option<u64>,
    pub effective_from: Timestamp,
    pub effective_to: Option<Timestamp>,
    pub description: Description,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

impl Price {
    pub fn state(&self, now: Timestamp) -> PriceState {
        if now < self.effective_from {
            PriceState::Scheduled
        } else if self.effective_to.is_some_and(|end| end <= now) {
            PriceState::Ended
        } else {
            PriceState::Active
        }
    }

    pub(super) fn holds(
        &self,
        category: &str,
        metric: &str,
        dimensions: &Labels,
        at: Timestamp,
    ) -> bool {
        self.category_code.as_str() == category
            && self.metric == metric
            && self.effective_from <= at
            && self.effective_to.is_none_or(|end| at < end)
            && self.matching.iter().all(|(name, value)| dimensions.get(name) == Some(value))
    }

    /// Two prices of one level, measure and match hold at one time.
    pub fn overlaps(&self, other: &Price) -> bool {
        let same = self.level == other.level
            && self.category_code == other.category_code
            && self.metric == other.metric
            && self.matching == other.matching;
        let begins_before_end =
            |a: &Price, b: &Price| b.effective_to.is_none_or(|end| a.effective_from < end);
        same && self.id != other.id
            && begins_before_end(self, other)
            && begins_before_end(other, self)
    }

    /// By the quantity of a month, and not event by event.
    pub fn is_monthly(&self) -> bool {
        matches!(self.model, PriceModel::Tiered | PriceModel::Flat)
    }

    /// What belongs to the model is there, and nothing else.
    ///
    /// # Errors
    /// `invalid_request` with every fault.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        let mut fault = |pointer: &str, code, detail: &str| {
            faults.0.push(Fault::new(pointer.to_owned(), code, detail.to_owned()));
        };
        let per_unit = matches!(
            self.model,
            PriceModel::PerUnit
                | PriceModel::PerThousand
                | PriceModel::PerMillion
                | PriceModel::PerMinute
        );
        let mut wanted = |pointer: &str, is_there: bool, wanted: bool| match (is_there, wanted) {
            (false, true) => fault(pointer, FaultCode::Required, "this model needs it"),
            (true, false) => fault(pointer, FaultCode::NotAllowed, "this model does not take it"),
            _ => {}
        };
        wanted("/unitPriceMicros", self.unit_price_micros.is_some(), per_unit);
        wanted("/tiers", !self.tiers.0.is_empty(), self.model == PriceModel::Tiered);
        wanted("/flatMicros", self.flat_micros.is_some(), self.model == PriceModel::Flat);
        let tiers = &self.tiers.0;
        let amounts = tiers.iter().flat_map(|tier| [tier.unit_price_micros, tier.flat_micros]);
        let amounts = amounts.chain(self.unit_price_micros).chain(self.flat_micros);
        if amounts.into_iter().any(|amount| amount > MAX_PRICE) {
            fault("", FaultCode::TooLarge, "a price has at most 10^12 micro-dollars");
        }
        let ascends = tiers.windows(2).all(|pair| match (pair[0].up_to, pair[1].up_to) {
            (Some(a), Some(b)) => Quantity::ZERO < a && a < b,
            (Some(a), None) => Quantity::ZERO < a,
            (None, _) => false,
        });
        if !tiers.is_empty() && (!ascends || tiers.last().is_some_and(|tier| tier.up_to.is_some()))
        {
            fault("/tiers", FaultCode::NotAllowed, "upTo must rise, and be null in the last one");
        }
        if self.effective_to.is_some_and(|end| end <= self.effective_from) {
            fault("/effectiveTo", FaultCode::TooSmall, "must be later than effectiveFrom");
        }
        if self.matching.len() > 3 {
            fault("/match", FaultCode::TooLong, "at most 3 dimensions");
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults.into()) }
    }

    /// What a quantity of one event costs, rounded half-even; nothing by the month. None beyond
    /// [`Cost::MAX`].
    pub fn cost(&self, quantity: Quantity) -> Option<Cost> {
        let price = i128::from(self.unit_price_micros.unwrap_or_default());
        // Pico-dollars are 10^6 of the price, nano-quantities 10^9 of the unit.
        let divisor: i128 = match self.model {
            PriceModel::PerUnit => 1_000,
            PriceModel::PerThousand => 1_000_000,
            PriceModel::PerMillion => 1_000_000_000,
            PriceModel::PerMinute => 60_000,
            PriceModel::None | PriceModel::Tiered | PriceModel::Flat => return Some(Cost::ZERO),
        };
        let cost = Cost::from_pico(divide_half_even(quantity.nano().checked_mul(price)?, divisor));
        (cost <= Cost::MAX && -cost <= Cost::MAX).then_some(cost)
    }

    /// What the total of a calendar month costs; nothing by the event.
    pub fn monthly_cost(&self, total: Quantity) -> Cost {
        if total <= Quantity::ZERO {
            return Cost::ZERO;
        }
        let micros = |micros: u64| Cost::from_pico(i128::from(micros) * Cost::MICRO);
        match self.model {
            PriceModel::Flat => micros(self.flat_micros.unwrap_or_default()),
            PriceModel::Tiered => self.tiered_cost(total),
            _ => Cost::ZERO,
        }
    }

    fn tiered_cost(&self, total: Quantity) -> Cost {
        let units = |quantity: Quantity, micros: u64| {
            let product = quantity.nano().saturating_mul(i128::from(micros));
            Cost::from_pico(divide_half_even(product, 1_000))
        };
        let flat = |tier: &Tier| Cost::from_pico(i128::from(tier.flat_micros) * Cost::MICRO);
        let tiers = &self.tiers.0;
        match self.tier_mode {
            TierMode::Volume => {
                let tier = tiers.iter().find(|tier| tier.up_to.is_none_or(|end| total <= end));
                tier.map(|tier| units(total, tier.unit_price_micros) + flat(tier))
                    .unwrap_or_default()
            }
            TierMode::Graduated => {
                let mut begin = Quantity::ZERO;
                let mut sum = Cost::ZERO;
                for tier in tiers {
                    if total <= begin {
                        break;
                    }
                    let end = tier.up_to.map_or(total, |end| end.min(total));
                    sum += units(end - begin, tier.unit_price_micros) + flat(tier);
                    begin = end;
                }
                sum
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub fn price(model: PriceModel, micros: Option<u64>) -> Price {
        Price {
            id: PriceId::derived(Timestamp::UNIX_EPOCH, &[1; 10]),
            category_code: CategoryCode::of("a.b"),
            metric: "tokens".to_owned(),
            level: PriceLevel::Organization,
            matching: Labels::new(),
            model,
            unit_price_micros: micros,
            tiers: UpTo::default(),
            tier_mode: TierMode::Graduated,
            flat_micros: None,
            effective_from: Timestamp::UNIX_EPOCH,
            effective_to: None,
            description: Description::default(),
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: String::new(),
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn tiered(mode: TierMode, steps: &[(Option<i64>, u64, u64)]) -> Price {
        let tier = |(up_to, unit, flat): &(Option<i64>, u64, u64)| Tier {
            up_to: up_to.map(Quantity::whole),
            unit_price_micros: *unit,
            flat_micros: *flat,
        };
        let tiers = UpTo(steps.iter().map(tier).collect());
        Price { tiers, tier_mode: mode, ..price(PriceModel::Tiered, None) }
    }

    #[test]
    fn a_million_small_events_cost_exactly_what_they_should() {
        let price = price(PriceModel::PerMillion, Some(150_000));
        let one = price.cost(Quantity::whole(7)).expect("a cost");
        assert_eq!(one.pico(), 1_050_000);
        let sum: Cost = std::iter::repeat_n(one, 1_000_000).sum();
        assert_eq!(sum.micros(), 1_050_000);
    }

    #[test]
    fn tiers_end_where_they_say() {
        let steps = [(Some(100), 10, 0), (Some(200), 5, 1_000), (None, 1, 0)];
        let cost = |mode, total| tiered(mode, &steps).monthly_cost(Quantity::whole(total)).micros();
        for (total, graduated, volume) in [
            (0, 0, 0),
            (100, 1_000, 1_000),
            (101, 2_005, 1_505),
            (200, 2_500, 2_000),
            (300, 2_600, 300),
        ] {
            assert_eq!(cost(TierMode::Graduated, total), graduated, "{total}");
            assert_eq!(cost(TierMode::Volume, total), volume, "{total}");
        }
        assert!(tiered(TierMode::Volume, &steps).check().is_ok());
        for bad in [
            vec![(Some(100), 1, 0)],
            vec![(Some(100), 1, 0), (Some(100), 1, 0), (None, 1, 0)],
            vec![(None, 1, 0), (None, 1, 0)],
            vec![(Some(0), 1, 0), (None, 1, 0)],
        ] {
            assert!(tiered(TierMode::Volume, &bad).check().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cost_is_the_nearest_pico_dollar(nano in 0i128..1_000_000_000_000_000_000_000, micros in 0u64..1_000_000_000_000, model in 1usize..5) {
            let model = PriceModel::ALL[model];
            let Some(cost) = price(model, Some(micros)).cost(Quantity::from_nano(nano)) else { return Ok(()) };
            let divisor = match model {
                PriceModel::PerUnit => 1_000,
                PriceModel::PerThousand => 1_000_000,
                PriceModel::PerMillion => 1_000_000_000,
                _ => 60_000,
            };
            let exact = nano * i128::from(micros);
            prop_assert!((cost.pico() * divisor - exact).abs() * 2 <= divisor);
        }

        #[test]
        fn tiers_cost_what_they_do_unit_by_unit(total in 1i64..600, ends in (1i64..200, 1i64..200), units in prop::array::uniform3(0u64..50), flats in prop::array::uniform3(0u64..50)) {
            let ends = [ends.0, ends.0 + ends.1];
            let steps = [
                (Some(ends[0]), units[0], flats[0]),
                (Some(ends[1]), units[1], flats[1]),
                (None, units[2], flats[2]),
            ];
            let tier_of = |unit: i64| usize::from(unit > ends[0]) + usize::from(unit > ends[1]);
            let mut graduated = 0;
            for unit in 1..=total {
                graduated += units[tier_of(unit)];
            }
            graduated += flats[..=tier_of(total)].iter().sum::<u64>();
            let last = tier_of(total);
            let volume = u64::try_from(total).unwrap_or(0) * units[last] + flats[last];
            let cost = |mode| tiered(mode, &steps).monthly_cost(Quantity::whole(total)).pico();
            prop_assert_eq!(cost(TierMode::Graduated), i128::from(graduated) * Cost::MICRO);
            prop_assert_eq!(cost(TierMode::Volume), i128::from(volume) * Cost::MICRO);
        }

        #[test]
        fn graduated_costs_only_rise(totals in prop::collection::vec(0i64..1_000, 2), first in 1u64..50, second in 1u64..50) {
            let price = tiered(TierMode::Graduated, &[(Some(300), first, 3), (None, second, 0)]);
            let cost = |total: i64| price.monthly_cost(Quantity::whole(total));
            let (less, more) = (totals[0].min(totals[1]), totals[0].max(totals[1]));
            prop_assert!(cost(less) <= cost(more));
        }
    }
}
