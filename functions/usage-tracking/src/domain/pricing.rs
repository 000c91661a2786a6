//! Which price holds for an event, and what the event costs.

use std::collections::BTreeMap;

use millwright_core::{Error, FaultCode, Result, Timestamp};

use super::{COUNT, Cost, Extracted, Labels, Price, PriceId, PriceLevel, Quantity};

/// The price that holds: the organization's before the global one (where both are asked for), more
/// matched dimensions first, then the later start.
pub fn effective<'p>(
    prices: impl IntoIterator<Item = &'p Price>,
    category: &str,
    metric: &str,
    dimensions: &Labels,
    at: Timestamp,
) -> Option<&'p Price> {
    let candidates = prices.into_iter().filter(|it| it.holds(category, metric, dimensions, at));
    candidates.max_by_key(|it| {
        let is_own = it.level == PriceLevel::Organization;
        (is_own, it.matching.len(), it.effective_from, it.id)
    })
}

millwright_core::wire_enum! {
    /// Who says what an event costs.
    pub enum CostSource {
        OrganizationPrice = "organization_price",
        Reported = "reported",
        GlobalPrice = "global_price",
        None = "none",
    }
}

/// What an event costs, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    pub cost: Cost,
    pub source: CostSource,
    pub price_ids: Vec<PriceId>,
}

/// Prices the measures of an event: an organization's price for any of them replaces the cost it
/// reports, a reported cost wins over global prices.
///
/// # Errors
/// The event costs more than [`Cost::MAX`].
pub fn price_event(
    prices: &[Price],
    category: &str,
    extracted: &Extracted,
    at: Timestamp,
) -> Result<Priced, String> {
    let mut measures: BTreeMap<&str, Quantity> =
        extracted.quantities.iter().map(|(name, it)| (name.as_str(), *it)).collect();
    measures.entry(COUNT).or_insert(Quantity::ONE);
    let chosen: Vec<(&Price, Quantity)> = measures
        .into_iter()
        .filter_map(|(metric, quantity)| {
            let price = effective(prices, category, metric, &extracted.dimensions, at)?;
            Some((price, quantity))
        })
        .collect();
    let is_own = chosen.iter().any(|(price, _)| price.level == PriceLevel::Organization);
    let source = match (is_own, extracted.reported, chosen.is_empty()) {
        (true, _, _) => CostSource::OrganizationPrice,
        (false, Some(reported), _) if reported <= Cost::MAX => {
            let source = CostSource::Reported;
            return Ok(Priced { cost: reported, source, price_ids: Vec::new() });
        }
        (false, Some(_), _) => return Err("the reported cost is beyond 10^18".to_owned()),
        (false, None, false) => CostSource::GlobalPrice,
        (false, None, true) => CostSource::None,
    };
    let mut cost = Cost::ZERO;
    for (price, quantity) in &chosen {
        let part = price.cost(*quantity);
        cost += part.ok_or_else(|| "it costs more than 10^18 micro-dollars".to_owned())?;
    }
    if cost > Cost::MAX {
        return Err("it costs more than 10^18 micro-dollars".to_owned());
    }
    let price_ids = chosen.iter().map(|(price, _)| price.id).collect();
    Ok(Priced { cost, source, price_ids })
}

/// # Errors
/// `invalid_request` if there is no such measure to be priced.
pub fn check_priced_measure(metric: &str, has_metric: bool) -> Result<()> {
    if metric == COUNT || has_metric {
        return Ok(());
    }
    let detail = "must be count or a metric of the category";
    Err(Error::fault("/metric", FaultCode::NotAllowed, detail))
}

#[cfg(test)]
mod tests {
    use super::{super::price::tests::price, *};
    use crate::domain::PriceModel;

    #[test]
    fn the_organization_wins_over_the_report_and_the_report_over_the_platform() {
        let mut extracted =
            Extracted { reported: Some(Cost::from_micros(7)), ..Extracted::default() };
        extracted.quantities.insert("tokens".to_owned(), Quantity::whole(10));
        extracted.dimensions.insert("model".to_owned(), "large".to_owned());
        let at: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a time");
        let own = price(PriceModel::PerUnit, Some(3));
        let global = Price { level: PriceLevel::Global, ..price(PriceModel::PerUnit, Some(5)) };
        let cost = |prices: &[Price], extracted: &Extracted| {
            let priced = price_event(prices, "a.b", extracted, at).expect("a price");
            (priced.cost.micros(), priced.source)
        };
        let both = [own.clone(), global.clone()];
        assert_eq!(cost(&both, &extracted), (30, CostSource::OrganizationPrice));
        assert_eq!(cost(&both[1..], &extracted), (7, CostSource::Reported));
        extracted.reported = None;
        assert_eq!(cost(&both[1..], &extracted), (50, CostSource::GlobalPrice));
        assert_eq!(cost(&[], &extracted), (0, CostSource::None));
        // More dimensions, then the later start; half-open at both ends.
        let matched = |model: &str, micros| Price {
            matching: Labels::from([("model".to_owned(), model.to_owned())]),
            ..price(PriceModel::PerUnit, Some(micros))
        };
        let later = Price { effective_from: at, ..price(PriceModel::PerUnit, Some(4)) };
        let ended = Price { effective_to: Some(at), ..price(PriceModel::PerUnit, Some(9)) };
        assert_eq!(
            cost(
                &[own.clone(), matched("large", 1), matched("small", 2), later.clone()],
                &extracted
            )
            .0,
            10
        );
        assert_eq!(cost(&[own, later, ended], &extracted).0, 40);
    }
}
