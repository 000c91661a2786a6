//! Generated values, and the policies they follow.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use deserr::Deserr;
use millwright_core::{Bounded, Error, FaultCode, Faults, Line, Result, wire_enum};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    draw::{Class, Counts},
    generated_key_pair,
};

wire_enum! {
    /// What sort of value is made.
    pub enum PolicyKind {
        Characters = "characters",
        Hex = "hex",
        Base64url = "base64url",
        Words = "words",
        Uuid = "uuid",
        SshEd25519 = "ssh_ed25519",
    }
}

/// Fewer bits are no secret.
pub const MIN_ENTROPY_BITS: u32 = 80;

/// Characters that people take for each other.
const AMBIGUOUS: &str = "0O1lI";
const SYMBOLS: &str = "!#$%&()*+-./:;<=>?@[]^_{|}~";

/// Whether characters of a class may occur, and how many must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct CharacterClass {
    #[deserr(default = true)]
    #[schema(required = false)]
    pub allowed: bool,
    #[deserr(default = one())]
    #[schema(required = false, inline)]
    pub minimum: Bounded<0, 16>,
}

fn bounded<const MIN: u32, const MAX: u32>(number: u32) -> Bounded<MIN, MAX> {
    match Bounded::new(number.into()) {
        Ok(number) => number,
        Err(_) => unreachable!("a constant within its own limits"),
    }
}

fn one() -> Bounded<0, 16> {
    bounded(1)
}

impl Default for CharacterClass {
    fn default() -> CharacterClass {
        CharacterClass { allowed: true, minimum: one() }
    }
}

/// How a value is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Recipe {
    #[deserr(default = PolicyKind::Characters)]
    #[schema(required = false)]
    pub kind: PolicyKind,
    /// Characters 12-256; bytes of `hex` and `base64url` 16-128; words 5-20.
    #[deserr(default = bounded(32))]
    #[schema(required = false)]
    pub length: Bounded<5, 256>,
    #[deserr(default)]
    #[schema(required = false)]
    pub lowercase: CharacterClass,
    #[deserr(default)]
    #[schema(required = false)]
    pub uppercase: CharacterClass,
    #[deserr(default)]
    #[schema(required = false)]
    pub digits: CharacterClass,
    #[deserr(default)]
    #[schema(required = false)]
    pub symbols: CharacterClass,
    /// At most 32 visible ASCII characters that are neither letters nor digits.
    #[deserr(default)]
    #[schema(inline)]
    pub symbol_set: Option<Line<1, 32>>,
    /// Leaves out `0O1lI`.
    #[deserr(default = true)]
    #[schema(required = false)]
    pub exclude_ambiguous: bool,
    /// Stands before the value; not counted for its strength.
    #[deserr(default)]
    #[schema(inline)]
    pub prefix: Option<Line<0, 32>>,
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe {
            kind: PolicyKind::Characters,
            length: bounded(32),
            lowercase: CharacterClass::default(),
            uppercase: CharacterClass::default(),
            digits: CharacterClass::default(),
            symbols: CharacterClass::default(),
            symbol_set: None,
            exclude_ambiguous: true,
            prefix: None,
        }
    }
}

impl Recipe {
    /// `strong`, `token`, `passphrase`: everywhere, and immutable.
    pub fn system(name: &str) -> Option<Recipe> {
        let kind = |kind, length| Recipe { kind, length: bounded(length), ..Recipe::default() };
        match name {
            "strong" => Some(Recipe::default()),
            "token" => Some(kind(PolicyKind::Base64url, 32)),
            "passphrase" => Some(kind(PolicyKind::Words, 8)),
            _ => None,
        }
    }

    /// # Errors
    /// `invalid_request` for what contradicts itself; the bits if there are too few.
    pub fn check(&self, too_weak: fn(u32) -> Error) -> Result<u32> {
        let length = self.length.get();
        let (least, most) = match self.kind {
            PolicyKind::Characters => (12, 256),
            PolicyKind::Hex | PolicyKind::Base64url => (16, 128),
            PolicyKind::Words => (5, 20),
            PolicyKind::Uuid | PolicyKind::SshEd25519 => (5, 256),
        };
        if !(least..=most).contains(&length) {
            let detail = format!("must be {least} to {most} for {}", self.kind);
            return Err(Error::fault("/length", FaultCode::NotAllowed, detail));
        }
        if let Some(set) = &self.symbol_set {
            let different: BTreeSet<char> = set.as_str().chars().collect();
            let fits = |c: char| c.is_ascii_graphic() && !c.is_ascii_alphanumeric();
            if different.len() != set.as_str().chars().count() || !set.as_str().chars().all(fits) {
                let detail = "must be different visible ASCII characters, no letters or digits";
                return Err(Error::fault("/symbolSet", FaultCode::BadFormat, detail));
            }
        }
        if self.kind == PolicyKind::Characters {
            let classes = self.classes();
            let needed: usize = classes.iter().map(|class| class.minimum).sum();
            if classes.is_empty() || needed > length as usize {
                let detail = "is less than what the minima of the classes come to";
                return Err(Error::fault("/length", FaultCode::TooSmall, detail));
            }
        }
        let bits = self.entropy_bits();
        if bits < MIN_ENTROPY_BITS { Err(too_weak(bits)) } else { Ok(bits) }
    }

    fn classes(&self) -> Vec<Class> {
        let symbols = self.symbol_set.as_ref().map_or(SYMBOLS, |set| set.as_str());
        let of = |class: CharacterClass, characters: &str| {
            let kept = |c: &char| !(self.exclude_ambiguous && AMBIGUOUS.contains(*c));
            let characters: Vec<char> = characters.chars().filter(kept).collect();
            let minimum = class.minimum.get() as usize;
            (class.allowed && !characters.is_empty()).then_some(Class { characters, minimum })
        };
        [
            of(self.lowercase, "abcdefghijklmnopqrstuvwxyz"),
            of(self.uppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            of(self.digits, "0123456789"),
            of(self.symbols, symbols),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// floor(log2 of the number of equally likely values).
    pub fn entropy_bits(&self) -> u32 {
        let length = f64::from(self.length.get());
        let bits = match self.kind {
            PolicyKind::Characters => {
                let counts = Counts::of(&self.classes(), self.length.get() as usize);
                counts.values_log2()
            }
            PolicyKind::Hex | PolicyKind::Base64url => 8.0 * length,
            PolicyKind::Words => 16.0 * length,
            PolicyKind::Uuid => 122.0,
            PolicyKind::SshEd25519 => 256.0,
        };
        // Guards against a sum of logarithms that falls short by a rounding error.
        let floor = (bits + 1e-9).floor();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2,048")]
        let bits = floor as u32;
        bits
    }

    /// A value; every possible one is equally likely. `random` gives independent random bytes.
    pub fn generate(&self, random: &mut impl FnMut() -> u8) -> Zeroizing<String> {
        let prefix = self.prefix.as_ref().map(|prefix| prefix.as_str()).unwrap_or_default();
        let mut value = Zeroizing::new(prefix.to_owned());
        let length = self.length.get() as usize;
        match self.kind {
            PolicyKind::Characters => {
                let classes = self.classes();
                value.extend(Counts::of(&classes, length).draw(&classes, random).iter());
            }
            PolicyKind::Hex => {
                for _ in 0..length {
                    value.push_str(&format!("{:02x}", random()));
                }
            }
            PolicyKind::Base64url => {
                let bytes: Zeroizing<Vec<u8>> =
                    Zeroizing::new((0..length).map(|_| random()).collect());
                URL_SAFE_NO_PAD.encode_string(&*bytes, &mut value);
            }
            PolicyKind::Words => {
                for place in 0..length {
                    if place > 0 {
                        value.push('-');
                    }
                    value.push_str(&proquint(u16::from_be_bytes([random(), random()])));
                }
            }
            PolicyKind::Uuid => {
                let bytes = std::array::from_fn(|_| random());
                value.push_str(&uuid::Builder::from_random_bytes(bytes).into_uuid().to_string());
            }
            PolicyKind::SshEd25519 => {
                let seed: Zeroizing<[u8; 32]> = Zeroizing::new(std::array::from_fn(|_| random()));
                if let Some((private, _)) = generated_key_pair(&seed) {
                    value = private;
                }
            }
        }
        value
    }
}

/// A pronounceable word for 16 bits (D. Wilkerson, A Proposal for Proquints, arXiv:0901.4016).
fn proquint(bits: u16) -> String {
    const CONSONANTS: [char; 16] =
        ['b', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z'];
    const VOWELS: [char; 4] = ['a', 'i', 'o', 'u'];
    let consonant = |shift: u32| CONSONANTS[usize::from(bits >> shift & 15)];
    let vowel = |shift: u32| VOWELS[usize::from(bits >> shift & 3)];
    [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].iter().collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::domain::draw::small;

    fn weak(bits: u32) -> Error {
        Error::internal(format!("{bits} bits"))
    }

    fn source(seed: u64) -> impl FnMut() -> u8 {
        let mut generator = rand::rngs::StdRng::seed_from_u64(seed);
        move || generator.random()
    }

    /// How likely each class is at one place of a value of `strong`, by its own counts.
    fn expected_shares(recipe: &Recipe) -> Vec<(Vec<char>, f64)> {
        let (classes, length) = (recipe.classes(), recipe.length.get() as usize);
        let all = Counts::of(&classes, length).ways[classes.len()][length];
        let mut shares = Vec::new();
        for place in 0..classes.len() {
            let mut order = recipe.classes();
            let last = order.remove(place);
            order.push(Class { characters: last.characters.clone(), minimum: last.minimum });
            let counts = Counts::of(&order, length);
            let mean: f64 = (0..=length)
                .map(|c| {
                    let ways = counts.single[order.len() - 1][c]
                        * counts.ways[order.len() - 1][length - c];
                    small(c) * ways / all
                })
                .sum();
            shares.push((last.characters, mean / small(length)));
        }
        shares
    }

    #[test]
    fn a_hundred_thousand_strong_values_have_their_minima_and_no_favourites() {
        let recipe = Recipe::system("strong").unwrap();
        let classes = recipe.classes();
        let mut random = source(1);
        let ways = Counts::of(&classes, recipe.length.get() as usize);
        let mut counts = std::collections::BTreeMap::<char, u64>::new();
        let mut total = 0u64;
        for _ in 0..100_000 {
            // As `generate` does, without counting the ways each time.
            let value = ways.draw(&classes, &mut random);
            for class in &classes {
                let found = value.iter().filter(|c| class.characters.contains(c)).count();
                assert!(found >= class.minimum);
            }
            for c in value.iter() {
                *counts.entry(*c).or_default() += 1;
                total += 1;
            }
        }
        assert_eq!(total, 3_200_000);
        let (mut statistic, mut kinds) = (0.0, 0u32);
        for (characters, share) in expected_shares(&recipe) {
            let expected = share * 3_200_000.0 / small(characters.len());
            for c in characters {
                let observed = u32::try_from(counts.remove(&c).unwrap_or_default()).unwrap();
                statistic += (f64::from(observed) - expected).powi(2) / expected;
                kinds += 1;
            }
        }
        assert!(counts.is_empty(), "no other characters");
        // Wilson-Hilferty: the 0.999 quantile of chi-square with so many degrees of freedom.
        let degrees = f64::from(kinds - 1);
        let spread = 2.0 / (9.0 * degrees);
        let critical = degrees * (1.0 - spread + 3.090_232 * spread.sqrt()).powi(3);
        assert!(statistic < critical, "chi-square {statistic} of {degrees}, at most {critical}");
    }

    #[test]
    fn strength_counts_every_value_once() {
        let only_digits = |length: u32, minimum: u32| Recipe {
            length: bounded(length),
            lowercase: CharacterClass { allowed: false, minimum: one() },
            uppercase: CharacterClass { allowed: false, minimum: one() },
            symbols: CharacterClass { allowed: false, minimum: one() },
            digits: CharacterClass { allowed: true, minimum: bounded(minimum) },
            exclude_ambiguous: false,
            ..Recipe::default()
        };
        // 10^24 is between 2^79 and 2^80, 10^25 between 2^83 and 2^84.
        assert_eq!(only_digits(24, 16).entropy_bits(), 79);
        assert!(only_digits(24, 0).check(weak).is_err());
        assert_eq!(only_digits(25, 16).check(weak).unwrap(), 83);
        // 54 letters and digits: 26 + 26 + 10 - "0O1lI" = 57; 12 of them at least one each.
        assert!(Recipe { length: bounded(12), ..Recipe::default() }.check(weak).is_err());
        assert!(Recipe { length: bounded(14), ..Recipe::default() }.check(weak).is_ok());
        assert_eq!(Recipe::system("token").unwrap().entropy_bits(), 256);
        assert_eq!(Recipe::system("passphrase").unwrap().entropy_bits(), 128);
    }

    #[test]
    fn every_kind_makes_what_it_says() {
        let make = |kind: PolicyKind, length: u32| {
            let recipe = Recipe { kind, length: bounded(length), ..Recipe::default() };
            (recipe.generate(&mut source(5)), recipe.generate(&mut source(6)))
        };
        let (hex, other) = make(PolicyKind::Hex, 16);
        assert!(hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()) && hex != other);
        assert_eq!(make(PolicyKind::Base64url, 16).0.len(), 22);
        assert_eq!(make(PolicyKind::Words, 5).0.split('-').count(), 5);
        assert_eq!(make(PolicyKind::Uuid, 32).0.as_bytes()[14], b'4');
        assert!(make(PolicyKind::SshEd25519, 32).0.starts_with("-----BEGIN OPENSSH PRIVATE KEY"));
        // As in the paper: 127.0.0.1 is lusab-babad.
        assert_eq!(format!("{}-{}", proquint(0x7f00), proquint(0x0001)), "lusab-babad");
    }
}
