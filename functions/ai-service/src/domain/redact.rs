//! What must not be shown or kept of texts: addresses, numbers and keys.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use regex::{Captures, Regex};

/// Says of what looks like it whether it is.
type Look = fn(&str) -> bool;

/// Finds one kind of what must not be seen.
struct Rule {
    /// What is left of it: `[kind]`.
    kind: &'static str,
    expression: Regex,
    is_one: Look,
}

/// In this order: what an earlier one has replaced, a later one does not see.
static BUILT_IN: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let always: Look = |_| true;
    let rules: [(&'static str, &str, Look); 7] = [
        (
            "private_key",
            concat!(
                r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----",
                r"[\s\S]*?",
                r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----|\z)",
            ),
            always,
        ),
        ("token", r"(?i)\b(?:bearer|basic)\s+[a-z0-9._~+/*=-]{8,}", always),
        // Told by their beginning; in messages of errors stars may stand for the middle.
        (
            "key",
            concat!(
                r"\b(?:[spr]k[-_]|gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|AIza|AKIA|ASIA|hf_|eyJ)",
                r"[A-Za-z0-9_*-]{8,}(?:\.[A-Za-z0-9_*-]+)*",
            ),
            always,
        ),
        (
            "email",
            r"(?i)\b[a-z0-9][a-z0-9._%+-]{0,63}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}",
            always,
        ),
        ("card", r"\b[0-9](?:[ -]?[0-9]){12,18}\b", passes_luhn),
        (
            "phone",
            concat!(
                r"\+[0-9]{1,3}(?:[ ./-]?\(?[0-9]{1,5}\)?){2,6}\b",
                r"|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}\b|\b[0-9]{3}-[0-9]{3}-[0-9]{4}\b",
            ),
            is_phone,
        ),
        ("key", r"[A-Za-z0-9_+/=-]{24,}", looks_random),
    ];
    let compiled = |(kind, expression, is_one): (&'static str, &str, Look)| {
        Regex::new(expression).ok().map(|expression| Rule { kind, expression, is_one })
    };
    rules.into_iter().filter_map(compiled).collect()
});

/// The text with `[email]`, `[phone]`, `[card]`, `[token]`, `[private_key]` or `[key]` where there
/// was one. Linear in the length of the text.
pub fn redacted(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for rule in BUILT_IN.iter() {
        let replaced = rule.expression.replace_all(&text, |found: &Captures<'_>| {
            let found = found.get(0).map_or("", |it| it.as_str());
            match (rule.is_one)(found) {
                true => format!("[{}]", rule.kind),
                false => found.to_owned(),
            }
        });
        if let Cow::Owned(replaced) = replaced {
            text = Cow::Owned(replaced);
        }
    }
    text.into_owned()
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn passes_luhn(text: &str) -> bool {
    let digits = text.chars().rev().filter_map(|it| it.to_digit(10));
    let weighed = digits.enumerate().map(|(place, digit)| match (place % 2, digit) {
        (0, digit) => digit,
        (_, digit @ 5..) => 2 * digit - 9,
        (_, digit) => 2 * digit,
    });
    weighed.sum::<u32>() % 10 == 0
}

/// E.164 has at most 15 digits; fewer than seven are no number of a person.
fn is_phone(text: &str) -> bool {
    (7..=15).contains(&text.chars().filter(char::is_ascii_digit).count())
}

/// Bits of Shannon entropy in each character of what is taken for a key.
const RANDOM: f64 = 3.5;

/// Letters of both cases with digits, or digits in base 16, as evenly spread as chance spreads
/// them. Ids of ours are not: they have small letters alone.
fn looks_random(text: &str) -> bool {
    let has = |class: fn(&char) -> bool| text.chars().any(|it| class(&it));
    let is_mixed =
        has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) && has(char::is_ascii_digit);
    let is_hexadecimal = text.len() >= 32
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
        && text.chars().all(|it| it.is_ascii_hexdigit());
    // 16 digits have at most four bits, of which 32 characters show rather less.
    is_mixed && entropy(text) >= RANDOM || is_hexadecimal && entropy(text) >= RANDOM - 0.5
}

fn entropy(text: &str) -> f64 {
    let mut counts: HashMap<char, u32> = HashMap::new();
    text.chars().for_each(|it| *counts.entry(it).or_default() += 1);
    let length: u32 = counts.values().sum();
    let share = |count: u32| f64::from(count) / f64::from(length.max(1));
    -counts.into_values().map(share).map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_seen_is_replaced() {
        // Put together here, so that no scanner takes the test for a leak.
        let key = |prefix: &str| format!("{prefix}{}", "aB3dE5gH7jK9mN1pQ3sT5vW7");
        let pem =
            ["-----BEGIN RSA PRIVATE", " KEY-----\nMIIEow\n-----END RSA PRIVATE", " KEY-----"];
        for (text, expected) in [
            ("ask ada.lovelace+x@example.co.uk now".to_owned(), "ask [email] now"),
            (format!("wrong key {}.", key("sk-")), "wrong key [key]."),
            (
                "Incorrect API key provided: sk-abcd****wxyz".to_owned(),
                "Incorrect API key provided: [key]",
            ),
            (format!("Authorization: Bearer {}", key("")), "Authorization: [token]"),
            (format!("it is {}!", key("")), "it is [key]!"),
            (format!("it is {}!", "3f9a0c1be47d28560d1c9e7fa2b4865d"), "it is [key]!"),
            (format!("a {} b", pem.concat()), "a [private_key] b"),
            (format!("a {}", pem[..2].concat()), "a [private_key]"),
            ("card 4242 4242 4242 4242, thanks".to_owned(), "card [card], thanks"),
            ("card 378282246310005".to_owned(), "card [card]"),
            ("call +49 (30) 901820 or +1-202-555-0143".to_owned(), "call [phone] or [phone]"),
            ("call (202) 555-0143".to_owned(), "call [phone]"),
        ] {
            assert_eq!(redacted(&text), expected);
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for text in [
            "The model `gpt-4o-mini-2024-07-18` does not exist",
            "maximum context length is 128000 tokens, you asked for 4242424242424243",
            "cmp_01jdbx07tefgx8m4avw9vx1701 of org_01jdz7xk2nf5h9vq3w8c6m4t0b",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "messages.0.content.1.tool_use_result_of_the_first_call",
            "on 2026-11-24 at 12:30, 5-10 times; a+b=c",
            "",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
