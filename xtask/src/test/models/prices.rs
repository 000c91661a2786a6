//! Sums of random usages, for each entry of the catalogue whose price does not depend on the hour.

use millwright_model::{Usage, catalogue};
use serde_json::{Value, json};

/// Usages of each entry, beside those at the thresholds of tiers.
const USAGES: u64 = 200;

/// `{date, usages: [[input, read, write, output]], models: [{vendor, name, rounded, costs}]}`
pub(super) fn sums() -> Value {
    let mut usages: Vec<Usage> = (0..USAGES).map(random).collect();
    usages.extend(at_thresholds());
    let models: Vec<Value> = catalogue::entries()
        .iter()
        .filter(|entry| !entry.is_time_dependent)
        .filter_map(|entry| {
            let prices = entry.prices.as_ref()?;
            let costs: Vec<u64> = usages.iter().map(|usage| prices.cost_micros(usage)).collect();
            Some(json!({
                "vendor": entry.vendor,
                "name": entry.name,
                "rounded": entry.is_rounded,
                "costs": costs,
            }))
        })
        .collect();
    let usages: Vec<[u64; 4]> = usages
        .iter()
        .map(|usage| {
            let Usage {
                input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, ..
            } = *usage;
            [input_tokens, cache_read_tokens, cache_write_tokens, output_tokens]
        })
        .collect();
    json!({ "date": catalogue::source().date, "usages": usages, "models": models })
}

/// The same each time: of small requests and large ones, with caches and without.
fn random(seed: u64) -> Usage {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    // SplitMix64.
    let mut next = |below: u64| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    };
    let size = [100, 10_000, 300_000, 1_000_000][usize::try_from(next(4)).unwrap_or_default()];
    let cached = next(3) > 0;
    Usage {
        input_tokens: next(size),
        cache_read_tokens: if cached { next(size) } else { 0 },
        cache_write_tokens: if cached { next(size) } else { 0 },
        output_tokens: next(size),
        reasoning_tokens: 0,
    }
}

/// At each threshold that any tier has, and one token beside it.
fn at_thresholds() -> Vec<Usage> {
    let prices = catalogue::entries().iter().filter_map(|entry| entry.prices.as_ref());
    let mut starts: Vec<u64> =
        prices.flat_map(|prices| &prices.tiers).map(|tier| tier.above_input_tokens).collect();
    starts.sort_unstable();
    starts.dedup();
    let beside = |start: u64| [start.saturating_sub(1), start, start.saturating_add(1)];
    let usage = |all: u64| Usage {
        input_tokens: all - all / 3 - all / 5,
        cache_read_tokens: all / 3,
        cache_write_tokens: all / 5,
        output_tokens: 777,
        reasoning_tokens: 0,
    };
    starts.into_iter().flat_map(beside).map(usage).collect()
}
