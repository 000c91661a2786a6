//! One model.

use crate::{
    common::{Capabilities, Capability},
    price::{Prices, Rates, Tier},
};

/// A model of a vendor, as its public papers have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `<vendor>:<model>`
    pub key: String,
    pub vendor: &'static str,
    /// The vendor's name of the model.
    pub name: &'static str,
    pub display_name: &'static str,
    /// Tokens of input and output together.
    pub context_window: Option<u64>,
    pub max_output_tokens: Option<u64>,
    /// What the prices tell; empty where they tell nothing.
    pub capabilities: Capabilities,
    /// None where nothing is charged by tokens or requests.
    pub prices: Option<Prices>,
    /// The vendor says so; it still answers.
    pub is_deprecated: bool,
    /// The day it was deprecated, as `2026-11-23`, where the data says.
    pub deprecated_on: Option<&'static str>,
    /// The price depends on the time of day; the dearest is here.
    pub is_time_dependent: bool,
    /// A price is no whole number of micro-dollars and was rounded, half up.
    pub is_rounded: bool,
    /// Other spellings, for lookup.
    pub(super) spellings: &'static str,
}

impl Entry {
    /// A line of the data; None for comments.
    pub(super) fn parse(line: &'static str) -> Option<Entry> {
        let mut fields = line.split('\t');
        let (vendor, name) = (fields.next()?, fields.next()?);
        let mut field = || fields.next().unwrap_or_default();
        let (shown, window, flags, rates, spellings) =
            (field(), field(), field(), field(), field());
        Some(Entry {
            key: format!("{vendor}:{name}"),
            vendor,
            name,
            display_name: if shown.is_empty() { name } else { shown },
            context_window: window.parse().ok(),
            max_output_tokens: None,
            capabilities: flags.chars().flat_map(capabilities).copied().collect(),
            prices: prices(rates),
            is_deprecated: flags.contains('d'),
            deprecated_on: None,
            is_time_dependent: flags.contains('t'),
            is_rounded: flags.contains('~'),
            spellings,
        })
    }
}

fn capabilities(flag: char) -> &'static [Capability] {
    match flag {
        'c' => &[Capability::Chat, Capability::Streaming],
        'e' => &[Capability::Embedding],
        'p' => &[Capability::PromptCache],
        'v' => &[Capability::Vision],
        'r' => &[Capability::Reasoning],
        _ => &[],
    }
}

fn prices(column: &str) -> Option<Prices> {
    let mut parts = column.split(' ');
    let base = rates(parts.next()?)?;
    let tiers = parts.filter_map(|part| {
        let (above, part) = part.strip_prefix('>')?.split_once(':')?;
        Some(Tier { above_input_tokens: above.parse().ok()?, rates: rates(part)? })
    });
    Some(Prices { base, tiers: tiers.collect() })
}

fn rates(text: &str) -> Option<Rates> {
    let mut numbers = text.split('/').map(|number| number.parse::<u64>().ok());
    let mut next = || numbers.next();
    let (input, output, read, write, request) = (next()?, next()?, next()?, next()?, next()?);
    Some(Rates {
        input_micros_per_m_tok: input.unwrap_or_default(),
        output_micros_per_m_tok: output.unwrap_or_default(),
        cache_read_micros_per_m_tok: read,
        cache_write_micros_per_m_tok: write,
        request_micros: request.unwrap_or_default(),
    })
}
