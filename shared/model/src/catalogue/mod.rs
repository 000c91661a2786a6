//! The models of the world with their public prices.
//!
//! The facts are those of [genai-prices](https://github.com/pydantic/genai-prices) (MIT, Copyright
//! (c) Pydantic Services Inc. 2025 to present; the licence is beside the data). `cargo xtask gen
//! --models` renews them. They know context windows and prices, and of capabilities what prices
//! tell: a price for output is a chat, one for cached input a cache, one for image tokens sight. They
//! know neither the longest output nor when a model ends.

mod entry;
mod find;

use std::sync::LazyLock;

pub use self::{
    entry::Entry,
    find::{best_match, search},
};

/// As generated, sorted by key.
const DATA: &str = include_str!("../../data/catalogue.tsv");

static ENTRIES: LazyLock<Vec<Entry>> =
    LazyLock::new(|| DATA.lines().filter_map(Entry::parse).collect());

/// Where the facts are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The release of genai-prices.
    pub release: &'static str,
    /// The day whose prices these are, as `2026-11-23`.
    pub date: &'static str,
}

/// Where the facts are from.
#[must_use]
pub fn source() -> Source {
    let mut words = DATA.split([' ', ':', '\n']).skip(2);
    let release = words.next().unwrap_or_default();
    Source { release, date: words.nth(1).unwrap_or_default() }
}

/// All entries by key. The first call reads them, once (2,330 lines, about a millisecond).
#[must_use]
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The entry of a key, `<vendor>:<model>`.
#[must_use]
pub fn get(key: &str) -> Option<&'static Entry> {
    let entries = entries();
    let place = entries.binary_search_by(|entry| entry.key.as_str().cmp(key)).ok()?;
    entries.get(place)
}
