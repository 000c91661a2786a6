//! The catalogue: its data, and how it is searched.

use std::collections::BTreeSet;

use millwright_model::{
    Capability, Usage,
    catalogue::{self, best_match},
};
use serde_json::Value;

#[test]
fn the_data_is_whole() {
    let entries = catalogue::entries();
    assert!(entries.len() > 2_000);
    assert!(entries.iter().filter(|entry| entry.prices.is_some()).count() > 2_000);
    assert!(entries.windows(2).all(|pair| pair[0].key < pair[1].key), "sorted, no key twice");
    for entry in entries {
        assert_eq!(catalogue::get(&entry.key).map(|found| &found.key), Some(&entry.key));
    }
    let source = catalogue::source();
    assert!(source.release.split('.').all(|part| part.parse::<u32>().is_ok()), "{source:?}");
    assert_eq!(source.date.len(), 10);
    assert!(catalogue::get("openai:nothing").is_none());
}

#[test]
fn prices_and_tiers_are_read() {
    let haiku = catalogue::get("anthropic:claude-haiku-5-5").expect("an entry");
    let prices = haiku.prices.as_ref().expect("prices");
    assert_eq!(prices.base.input_micros_per_m_tok, 100_000);
    assert_eq!(prices.base.cache_write_micros_per_m_tok, Some(125_000));
    assert_eq!(prices.tiers.len(), 1);
    assert_eq!(prices.tiers[0].above_input_tokens, 100_000);
    assert_eq!(haiku.context_window, Some(1_000_000));
    assert_eq!(haiku.display_name, "Claude Haiku 5.5");
    assert!(haiku.capabilities.contains(&Capability::Chat));
    assert!(haiku.capabilities.contains(&Capability::PromptCache));
    let cost = |input_tokens| prices.cost_micros(&Usage { input_tokens, ..Usage::default() });
    assert_eq!((cost(100_000), cost(100_001)), (10_000, 50_001));
}

/// Vendor, what a provider calls its model, the entry.
#[test]
fn names_find_their_entry() {
    for (vendor, name, key) in [
        (Some("openai"), "gpt-5-mini", "openai:gpt-5-mini"),
        (Some("openai"), "GPT-5-Mini-2025-08-07", "openai:gpt-5-mini"),
        (Some("openai"), "gpt-6-sol-2026-12-31", "openai:gpt-6-sol"),
        (Some("anthropic"), "claude-haiku-4-5-20251001", "anthropic:claude-haiku-4-5"),
        (Some("anthropic"), "claude-sonnet-5-5-20261001", "anthropic:claude-sonnet-5-5"),
        (Some("anthropic"), "claude-3-7-sonnet-20250219", "anthropic:claude-3-7-sonnet-latest"),
        (None, "gpt-5-mini", "openai:gpt-5-mini"),
        (None, "claude-haiku-4-5", "anthropic:claude-haiku-4-5"),
    ] {
        let found = best_match(vendor, name).map(|entry| entry.key.as_str());
        assert_eq!(found, Some(key), "{vendor:?} {name}");
    }
    for (vendor, name) in [
        (Some("anthropic"), "gpt-5-mini"),
        (Some("openai"), "llama3.2"),
        (None, "my-own-model"),
        (None, ""),
        (Some("openai"), "€"),
    ] {
        assert_eq!(best_match(vendor, name).map(|entry| &entry.key), None, "{vendor:?} {name}");
    }
    for entry in catalogue::entries() {
        let found = best_match(Some(entry.vendor), entry.name).expect("its own name");
        assert!(found.name.eq_ignore_ascii_case(entry.name));
    }
}

#[test]
fn beginnings_find_entries() {
    let keys: Vec<&str> =
        catalogue::search("Claude Haiku").map(|entry| entry.key.as_str()).collect();
    assert!(keys.contains(&"anthropic:claude-haiku-4-5"), "{keys:?}");
    assert!(keys.is_sorted());
    assert!(catalogue::search("openai:gpt-5").count() > 5);
    assert_eq!(catalogue::search("no such thing").count(), 0);
    assert_eq!(catalogue::search("").count(), catalogue::entries().len());
}

/// Models whose prices in the list of end of 2025 are others: those of their first day, lowered
/// since. The list itself has the lower ones for their other names.
const KNOWN: &[&str] = &["claude-3-5-haiku-latest ", "o1-mini-2024-09-12 "];

/// An independent list: what both know must agree.
#[test]
#[allow(clippy::print_stderr, reason = "says why it is skipped")]
fn an_independent_list_agrees() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/models/prices.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: ../shared/data/models/prices.json is not there");
        return;
    };
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let (mut compared, mut unknown, mut differ) = (0, Vec::new(), BTreeSet::new());
    for (name, facts) in list.as_object().expect("an object") {
        let vendor = facts["litellm_provider"].as_str().unwrap_or_default();
        if !["openai", "anthropic"].contains(&vendor) || facts.get("input_cost_per_token").is_none()
        {
            continue;
        }
        let bare = name.rsplit('/').next().unwrap_or(name);
        let Some(entry) = best_match(Some(vendor), bare) else {
            unknown.push(name.as_str());
            continue;
        };
        let Some(prices) = &entry.prices else { continue };
        compared += 1;
        // Dollars for a token, in floats, are millionths of micros for a million.
        let micros = |field: &str| facts[field].as_f64().map(|dollars| (dollars * 1e12).round());
        #[allow(clippy::cast_precision_loss, reason = "prices are small")]
        let rows = [
            ("input", micros("input_cost_per_token"), Some(prices.base.input_micros_per_m_tok)),
            ("output", micros("output_cost_per_token"), Some(prices.base.output_micros_per_m_tok)),
            (
                "read",
                micros("cache_read_input_token_cost"),
                prices.base.cache_read_micros_per_m_tok,
            ),
        ]
        .map(|(what, theirs, ours)| (what, theirs, ours.map(|ours| ours as f64)));
        for (what, theirs, ours) in rows {
            if let (Some(theirs), Some(ours)) = (theirs, ours)
                && (theirs - ours).abs() > 0.5
            {
                differ.insert(format!("{name} {what}: {ours} is {theirs} there ({})", entry.key));
            }
        }
    }
    assert!(unknown.is_empty(), "models that are not found: {unknown:?}");
    let news: Vec<&String> =
        differ.iter().filter(|each| !KNOWN.iter().any(|known| each.starts_with(known))).collect();
    assert!(news.is_empty(), "differences that are not known: {news:#?}");
    assert!(compared > 50);
}
