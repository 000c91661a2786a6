//! Costs.

use millwright_model::{
    Prices, Rates, Surface, Tier, Usage,
    estimate::{self, ByBytes, Tokenizer},
    read_request,
};
use proptest::prelude::*;
use serde_json::json;

fn rates(input: u64, output: u64) -> Rates {
    Rates { input_micros_per_m_tok: input, output_micros_per_m_tok: output, ..Rates::default() }
}

fn usage(input: u64, read: u64, write: u64, output: u64) -> Usage {
    Usage {
        input_tokens: input,
        cache_read_tokens: read,
        cache_write_tokens: write,
        output_tokens: output,
        reasoning_tokens: 0,
    }
}

/// 3 and 15 dollars; above 200,000 tokens 6 and 22.5; above a million 10 and 30.
fn tiered() -> Prices {
    let cached = |rates: Rates, read, write| Rates {
        cache_read_micros_per_m_tok: Some(read),
        cache_write_micros_per_m_tok: Some(write),
        ..rates
    };
    Prices {
        base: cached(rates(3_000_000, 15_000_000), 300_000, 3_750_000),
        tiers: vec![
            Tier { above_input_tokens: 1_000_000, rates: rates(10_000_000, 30_000_000) },
            Tier {
                above_input_tokens: 200_000,
                rates: cached(rates(6_000_000, 22_500_000), 600_000, 7_500_000),
            },
        ],
    }
}

#[test]
fn costs_by_tier_rounded_once() {
    let simple = |input, output| Prices { base: rates(input, output), tiers: Vec::new() };
    let requests = Prices { base: Rates { request_micros: 7, ..rates(0, 0) }, tiers: Vec::new() };
    for (prices, usage, cost) in [
        (tiered(), usage(1_000, 0, 0, 100), 4_500),
        (tiered(), usage(100, 1_000, 10, 0), 300 + 300 + 38),
        // At the threshold, and one above: for all tokens.
        (tiered(), usage(100_000, 60_000, 40_000, 0), 300_000 + 18_000 + 150_000),
        (tiered(), usage(100_001, 60_000, 40_000, 0), 600_006 + 36_000 + 300_000),
        // Rates of caches that are missing are those of input.
        (tiered(), usage(1_000_000, 1, 0, 0), 10_000_010),
        (simple(1, 0), usage(499_999, 0, 0, 0), 0),
        (simple(1, 0), usage(500_000, 0, 0, 0), 1),
        (simple(1, 1), usage(499_999, 0, 0, 1), 1),
        (requests, usage(5, 0, 0, 5), 7),
        (Prices::default(), usage(5, 5, 5, 5), 0),
        (simple(u64::MAX, u64::MAX), usage(u64::MAX, u64::MAX, u64::MAX, u64::MAX), u64::MAX),
    ] {
        assert_eq!(prices.cost_micros(&usage), cost, "{usage:?}");
    }
}

#[test]
fn worst_cases_are_bounded_by_request_and_model() {
    let prices = tiered();
    assert_eq!(prices.worst_case_micros(1_000, None, 100, 1), 4_500);
    assert_eq!(prices.worst_case_micros(1_000, Some(10), 100, 1), 3_150);
    assert_eq!(prices.worst_case_micros(1_000, Some(1_000), 100, 1), 4_500);
    assert_eq!(prices.worst_case_micros(1_000, Some(10), 100, 8), 4_200);
    assert_eq!(prices.worst_case_micros(200_001, None, 0, 1), 1_200_006);
}

#[test]
fn estimates_count_bytes_and_images() {
    for (text, tokens) in [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("äöü", 2)] {
        assert_eq!(ByBytes.count(text), tokens, "{text}");
    }
    let request = read_request(
        Surface::OpenAi,
        json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "abcdef"},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}]}),
    );
    let request = request.expect("a request");
    assert_eq!(estimate::input_tokens(&request, &ByBytes), 1_602);
    assert_eq!(estimate::output_tokens(&[], &ByBytes), 0);
}

fn any_rates() -> impl Strategy<Value = Rates> {
    let rate = 0..=1_000_000_000_000_u64;
    let cached = proptest::option::of(0..=1_000_000_000_000_u64);
    (rate.clone(), rate, cached.clone(), cached, 0..1_000_u64).prop_map(
        |(input, output, read, write, request)| Rates {
            input_micros_per_m_tok: input,
            output_micros_per_m_tok: output,
            cache_read_micros_per_m_tok: read,
            cache_write_micros_per_m_tok: write,
            request_micros: request,
        },
    )
}

fn any_usage() -> impl Strategy<Value = Usage> {
    let tokens = 0..10_000_000_u64;
    (tokens.clone(), tokens.clone(), tokens.clone(), tokens)
        .prop_map(|(input, read, write, output)| usage(input, read, write, output))
}

proptest! {
    /// Twice the cost in millionths, without the rounding, is within one of twice the cost.
    #[test]
    fn rounding_errs_by_half_a_micro_at_most(rates in any_rates(), usage in any_usage()) {
        let prices = Prices { base: rates, tiers: Vec::new() };
        let input = u128::from(rates.input_micros_per_m_tok);
        let or_input = |rate: Option<u64>| rate.map_or(input, u128::from);
        let exact = u128::from(usage.input_tokens) * input
            + u128::from(usage.cache_read_tokens) * or_input(rates.cache_read_micros_per_m_tok)
            + u128::from(usage.cache_write_tokens) * or_input(rates.cache_write_micros_per_m_tok)
            + u128::from(usage.output_tokens) * u128::from(rates.output_micros_per_m_tok);
        let cost = u128::from(prices.cost_micros(&usage) - rates.request_micros) * 1_000_000;
        prop_assert!(cost + 500_000 > exact && cost <= exact + 500_000);
    }

    #[test]
    fn the_order_of_tiers_does_not_matter(
        base in any_rates(), a in any_rates(), b in any_rates(), usage in any_usage(),
        low in 0..5_000_000_u64, more in 1..5_000_000_u64,
    ) {
        let (a, b) = (
            Tier { above_input_tokens: low, rates: a },
            Tier { above_input_tokens: low + more, rates: b },
        );
        let one = Prices { base, tiers: vec![a, b] };
        let other = Prices { base, tiers: vec![b, a] };
        prop_assert_eq!(one.cost_micros(&usage), other.cost_micros(&usage));
        let rates = match usage.all_input() {
            input if input > low + more => b.rates,
            input if input > low => a.rates,
            _ => base,
        };
        prop_assert_eq!(one.cost_micros(&usage), Prices { base: rates, tiers: vec![] }
            .cost_micros(&usage));
    }

    #[test]
    fn the_worst_case_is_the_worst(
        rates in any_rates(), input in 0..10_000_000_u64, output in 0..100_000_u64,
        part in 0..=100_u64, said in 0..=100_u64,
    ) {
        // Where caching costs no more than not caching.
        let cheap = |rate: Option<u64>| rate.map(|rate| rate.min(rates.input_micros_per_m_tok));
        let base = Rates {
            cache_read_micros_per_m_tok: cheap(rates.cache_read_micros_per_m_tok),
            cache_write_micros_per_m_tok: cheap(rates.cache_write_micros_per_m_tok),
            ..rates
        };
        let prices = Prices { base, tiers: Vec::new() };
        let cached = input * part / 100;
        let actual = usage(input - cached, cached, 0, output * said / 100);
        prop_assert!(
            prices.cost_micros(&actual) <= prices.worst_case_micros(input, Some(output), output, 1)
        );
    }
}
