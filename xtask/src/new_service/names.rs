//! The words of a new service: what was given, what follows from it, and whether it can be had.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use heck::{ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use serde::Serialize;

use super::Options;

/// The longest name: `<name>-api` is a function, of which Lambda and the prefix leave 47 characters.
const LONGEST_NAME: usize = 43;
/// `Change a very long noun phrase` is as long as the summary of an operation may be.
const MOST_WORDS_OF_A_NOUN: usize = 3;
const LONGEST_SUMMARY: usize = 100;

/// All the templates are rendered from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Names {
    /// Of crate folder, table and functions: `notes`.
    pub(super) name: String,
    /// The same as Rust has it.
    pub(super) library: String,
    /// The type of the handlers' state, and the id of the nested stack: `Notes`.
    #[serde(rename = "State")]
    pub(super) state: String,
    /// First path segment below `/api/v1`.
    pub(super) base: String,
    /// First part of permissions and types of events.
    pub(super) module: String,
    pub(super) summary: String,
    /// Of handlers, fields and files: `note`.
    pub(super) noun: String,
    /// Of types: `Note`.
    #[serde(rename = "Noun")]
    pub(super) noun_type: String,
    /// In keys: `NOTE`.
    #[serde(rename = "NOUN")]
    noun_in_keys: String,
    /// In JSON: `note`, `workItem`.
    noun_in_json: String,
    /// In paths: `notes`.
    nouns: String,
    #[serde(rename = "NOUNS")]
    nouns_in_keys: String,
    pub(super) nouns_module: String,
    /// In sentences: `work item`, `a work item`, `work items`.
    thing: String,
    a_thing: String,
    #[serde(rename = "A_thing")]
    capital_a_thing: String,
    things: String,
    #[serde(rename = "Things")]
    capital_things: String,
    /// Of ids.
    pub(super) prefix: String,
}

impl Names {
    /// # Errors
    /// Lists everything that is not well-formed at once.
    pub(super) fn of(options: &Options) -> Result<Names> {
        let Options { name, noun, .. } = options;
        let given = |option: &Option<String>, derived: &dyn Fn() -> String| {
            option.clone().unwrap_or_else(derived)
        };
        let plural = given(&options.plural, &|| plural_of(noun));
        let base = given(&options.base, &|| name.clone());
        let module = given(&options.module, &|| base.replace('-', "_"));
        let prefix = given(&options.prefix, &|| prefix_of(noun));
        let things = plural.replace('-', " ");
        let summary =
            given(&options.summary, &|| format!("{} of an organization", capital(&things)));

        let mut faults = Vec::new();
        let mut unless = |fine: bool, fault: String| {
            if !fine {
                faults.push(fault);
            }
        };
        let kebab = "is not kebab-case (a-z, 0-9 and single hyphens, the first a letter)";
        unless(is_kebab(name, true), format!("the name {name:?} {kebab}"));
        unless(name.len() <= LONGEST_NAME, format!("the name is longer than {LONGEST_NAME}"));
        // What follows from a word with a fault has no fault of its own.
        unless(
            options.base.is_none() || is_kebab(&base, true),
            format!("the base {base:?} {kebab}"),
        );
        let letters = "is not kebab-case of letters (a-z and single hyphens)";
        unless(is_kebab(noun, false), format!("the noun {noun:?} {letters}"));
        unless(
            noun.split('-').count() <= MOST_WORDS_OF_A_NOUN,
            format!("the noun has more than {MOST_WORDS_OF_A_NOUN} words"),
        );
        unless(
            options.plural.is_none() || is_kebab(&plural, false),
            format!("the plural {plural:?} {letters}"),
        );
        unless(plural != *noun, format!("noun and plural are both {noun:?}: give --plural"));
        unless(
            is_kebab(&module.replace('_', "-"), false) && !module.contains('-')
                || options.module.is_none() && !is_kebab(&base, true),
            format!("the module {module:?} is not a-z and single underscores: give --module"),
        );
        unless(
            (2..=8).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_lowercase()),
            format!("the prefix {prefix:?} is not 2-8 of a-z"),
        );
        unless(
            !summary.is_empty()
                && summary.chars().count() <= LONGEST_SUMMARY
                && !summary.ends_with('.')
                && !summary.contains(|c: char| c.is_control() || "\"\\".contains(c)),
            format!(
                "the summary is not 1-{LONGEST_SUMMARY} characters without quotes, backslashes and \
                 final stop"
            ),
        );
        if !faults.is_empty() {
            bail!("{}", faults.join("\n  "));
        }
        let thing = noun.replace('-', " ");
        let article = if thing.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let a_thing = format!("{article} {thing}");
        Ok(Names {
            library: name.to_snake_case(),
            state: name.to_upper_camel_case(),
            name: name.clone(),
            base,
            module,
            summary,
            noun: noun.to_snake_case(),
            noun_type: noun.to_upper_camel_case(),
            noun_in_keys: noun.to_shouty_snake_case(),
            noun_in_json: noun.to_lower_camel_case(),
            nouns_in_keys: plural.to_shouty_snake_case(),
            nouns_module: plural.to_snake_case(),
            nouns: plural,
            capital_a_thing: capital(&a_thing),
            thing,
            a_thing,
            capital_things: capital(&things),
            things,
            prefix,
        })
    }

    /// The types the templates make of these words, each once.
    ///
    /// # Errors
    /// If two of them are the same.
    pub(super) fn types(&self) -> Result<BTreeSet<String>> {
        const OF_THE_NOUN: [&str; 18] = [
            "",
            "Id",
            "Noun",
            "Body",
            "Summary",
            "Patch",
            "Item",
            "Tombstone",
            "Data",
            "In",
            "PatchIn",
            "Created",
            "Updated",
            "Deleted",
            "Create",
            "Read",
            "Update",
            "Delete",
        ];
        let mut types = BTreeSet::from([self.state.clone()]);
        for ending in OF_THE_NOUN {
            let name = format!("{}{ending}", self.noun_type);
            if types.contains(&name) {
                bail!(
                    "the type {name} would be there twice, of the service and of its noun: take \
                     another noun"
                );
            }
            types.insert(name);
        }
        Ok(types)
    }
}

fn is_kebab(text: &str, with_digits: bool) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || with_digits && c.is_ascii_digit();
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|word| !word.is_empty() && word.chars().all(is_fine))
}

/// The rules of English; its exceptions are given.
fn plural_of(noun: &str) -> String {
    let before_y = noun.strip_suffix('y');
    if let Some(stem) = before_y
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
    {
        return format!("{stem}ies");
    }
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| noun.ends_with(end));
    format!("{noun}{}", if hisses { "es" } else { "s" })
}

/// Up to four letters stay, of longer words the first three.
fn prefix_of(noun: &str) -> String {
    let letters: String = noun.chars().filter(|c| *c != '-').collect();
    let kept = if letters.len() <= 4 { 4 } else { 3 };
    letters.chars().take(kept).collect()
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, noun: &str) -> Result<Names> {
        Names::of(&Options { name: name.to_owned(), noun: noun.to_owned(), ..Options::default() })
    }

    #[test]
    fn everything_follows_from_name_and_noun() {
        let names = named("usage-tracking", "daily-entry").expect("names");
        assert_eq!(names.library, "usage_tracking");
        assert_eq!(names.state, "UsageTracking");
        assert_eq!(names.base, "usage-tracking");
        assert_eq!(names.module, "usage_tracking");
        assert_eq!(names.noun, "daily_entry");
        assert_eq!(names.noun_type, "DailyEntry");
        assert_eq!(names.nouns, "daily-entries");
        assert_eq!(names.capital_things, "Daily entries");
        assert_eq!(names.prefix, "dai");
        assert_eq!(names.summary, "Daily entries of an organization");
        assert_eq!(named("x", "idea").expect("names").capital_a_thing, "An idea");
    }

    #[test]
    fn what_is_given_is_taken() {
        let options = Options {
            name: "people-directory".to_owned(),
            noun: "person".to_owned(),
            plural: Some("people".to_owned()),
            base: Some("people".to_owned()),
            module: Some("directory".to_owned()),
            prefix: Some("per".to_owned()),
            summary: Some("Who works here".to_owned()),
        };
        let names = Names::of(&options).expect("names");
        assert_eq!((names.nouns.as_str(), names.base.as_str()), ("people", "people"));
        assert_eq!((names.module.as_str(), names.prefix.as_str()), ("directory", "per"));
        assert_eq!(names.summary, "Who works here");
    }

    #[test]
    fn plurals_are_english() {
        for (noun, plural) in [
            ("note", "notes"),
            ("entry", "entries"),
            ("day", "days"),
            ("box", "boxes"),
            ("search", "searches"),
        ] {
            assert_eq!(plural_of(noun), plural);
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let options = Options {
            name: "My_Notes".to_owned(),
            noun: "Note".to_owned(),
            prefix: Some("n".to_owned()),
            summary: Some("Notes.".to_owned()),
            ..Options::default()
        };
        let told = Names::of(&options).expect_err("refused").to_string();
        for part in ["the name \"My_Notes\"", "the noun \"Note\"", "the prefix \"n\"", "summary"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(told.lines().count(), 4, "{told}");
        for name in ["", "-a", "a-", "a--b", "1a", "ü", &"a".repeat(44)] {
            assert!(named(name, "note").is_err(), "{name}");
        }
        for noun in ["", "ü", "note1", "a-b-c-d"] {
            assert!(named("notes", noun).is_err(), "{noun}");
        }
        assert!(named("v2", "note").expect_err("digits").to_string().contains("--module"));
    }

    #[test]
    fn no_type_comes_twice() {
        assert!(named("notes", "note").expect("names").types().is_ok());
        assert!(named("note", "note").expect("names").types().is_err());
        assert!(named("note-item", "note").expect("names").types().is_err());
    }
}
