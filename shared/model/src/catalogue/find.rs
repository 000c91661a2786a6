//! Entries by what people and providers call them.

use std::cmp::Reverse;

use super::{Entry, entries};

/// Who makes models, before who only serves them: a bare name is theirs first.
const MAKERS: &[&str] =
    &["openai", "anthropic", "google", "mistral", "meta", "x-ai", "deepseek", "cohere"];

/// How well a name fits, the best the least: by kind, then by the letters that agree, most first.
type Fit = (u8, Reverse<usize>);

/// The entry that a provider's name of a model most likely means.
///
/// Exact names come first, then other spellings, then names without their date, then the longest
/// beginning, and last parts. Without a vendor only exact names and spellings count, the makers'
/// first: a wrong price is worse than none.
#[must_use]
pub fn best_match(vendor: Option<&str>, name: &str) -> Option<&'static Entry> {
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() {
        return None;
    }
    let undated = without_date(&name);
    let fitting = entries().iter().filter_map(|entry| match vendor {
        Some(vendor) if entry.vendor != vendor => None,
        Some(_) => fit(entry, &name, undated).map(|fit| ((fit, 0), entry)),
        None => {
            let (kind, letters) = fit(entry, &name, undated)?;
            let maker = MAKERS.iter().position(|maker| *maker == entry.vendor);
            (kind <= 2).then(|| (((kind, letters), maker.unwrap_or(MAKERS.len())), entry))
        }
    });
    // Of equals the first by key.
    fitting.min_by_key(|(fit, _)| *fit).map(|(_, entry)| entry)
}

fn fit(entry: &Entry, name: &str, undated: &str) -> Option<Fit> {
    let own = |wanted: &str| entry.name.eq_ignore_ascii_case(wanted);
    if own(name) {
        return Some((0, Reverse(name.len())));
    }
    let spelled = |wanted: &str| {
        entry.spellings.split('|').any(|each| each.strip_prefix('=') == Some(wanted))
    };
    if spelled(name) {
        return Some((1, Reverse(name.len())));
    }
    if undated.len() < name.len() && (own(undated) || spelled(undated)) {
        return Some((2, Reverse(undated.len())));
    }
    let other = |each: &str| {
        let (kind, part) = each.split_at_checked(1)?;
        let kind = match kind {
            "^" if name.starts_with(part) => 3,
            "$" if name.ends_with(part) => 4,
            "*" if name.contains(part) => 5,
            _ => return None,
        };
        Some((kind, Reverse(part.len())))
    };
    entry.spellings.split('|').filter_map(other).min()
}

/// Without `-20251001`, `@20251001` or `-2025-10-01` at the end, or `:latest`, `-latest`.
fn without_date(name: &str) -> &str {
    for latest in [":latest", "-latest"] {
        if let Some(rest) = name.strip_suffix(latest) {
            return rest;
        }
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((rest, date)) = name.rsplit_once(['-', '@'])
        && date.len() == 8
        && digits(date)
    {
        return rest;
    }
    let mut parts = name.rsplitn(4, '-');
    if let (Some(day), Some(month), Some(year), Some(rest)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
        && (day.len(), month.len(), year.len()) == (2, 2, 4)
        && digits(day)
        && digits(month)
        && digits(year)
    {
        return rest;
    }
    name
}

/// Entries whose key, name or shown name begins so, in any case, by key.
pub fn search(prefix: &str) -> impl Iterator<Item = &'static Entry> {
    let prefix = prefix.trim().to_lowercase();
    let begins = move |text: &str| text.to_lowercase().starts_with(&prefix);
    entries()
        .iter()
        .filter(move |entry| begins(&entry.key) || begins(entry.name) || begins(entry.display_name))
}
