//! Project Wycheproof's vectors for JSON Web Signatures: 401 tokens with their keys.
//!
//! A verifier of ours takes RS256 and nothing else, so of the valid ones only those of RS256 keys
//! are accepted; all others, and everything that is invalid, are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use jsonwebtoken::jwk::Jwk;
use millwright_identity::verify_signature;
use serde_json::Value;
use wycheproof_ng_kdf_jose::json_web::{TestGroup, TestName, TestSet};

/// A vector with the key it is to be verified by.
struct Vector {
    id: usize,
    comment: String,
    token: String,
    key: Value,
    is_valid: bool,
}

fn vectors() -> Vec<Vector> {
    let set = TestSet::load(TestName::JsonWebSignature).expect("the vectors are in the crate");
    let vectors: Vec<Vector> = set.test_groups.into_iter().flat_map(of_group).collect();
    assert_eq!(vectors.len(), 401, "Wycheproof counts them so");
    vectors
}

fn of_group(group: TestGroup) -> Vec<Vector> {
    // The groups of MACs have no public key.
    let key = group.public_key.or(group.private_key).expect("a key");
    let vector = |test: wycheproof_ng_kdf_jose::json_web::Test| Vector {
        id: test.tc_id,
        is_valid: !test.result.must_fail(),
        comment: format!("{}: {}", group.group_comment, test.comment),
        token: match test.jws.expect("a token") {
            Value::String(compact) => compact,
            json_serialization => json_serialization.to_string(),
        },
        key: key.clone(),
    };
    group.tests.into_iter().map(vector).collect()
}

/// True if the verifier accepts the token; a key that cannot even be read accepts nothing.
fn accepts(key: &Value, token: &str) -> bool {
    serde_json::from_value::<Jwk>(key.clone())
        .is_ok_and(|key| verify_signature(token, &key).is_ok())
}

#[test]
fn valid_rs256_is_accepted_and_everything_else_refused() {
    let mut accepted = 0;
    for vector in vectors() {
        let expected = vector.is_valid && vector.key["alg"] == "RS256";
        let accepts = accepts(&vector.key, &vector.token);
        assert_eq!(accepts, expected, "{} {}", vector.id, vector.comment);
        accepted += usize::from(accepts);
    }
    assert_eq!(accepted, 8, "valid RS256 signatures among the vectors");
}

/// Confusion of keys: MACs, PSS and elliptic curves, presented to a key that is for RS256, the very
/// same modulus among them.
#[test]
fn rs256_keys_refuse_the_tokens_of_other_algorithms() {
    let vectors = vectors();
    let is_for_rs256 = |vector: &&Vector| vector.key["alg"] == "RS256";
    let mut keys: Vec<&Value> = vectors.iter().filter(is_for_rs256).map(|v| &v.key).collect();
    keys.dedup();
    assert_eq!(keys.len(), 4);
    let is_for_another =
        |vector: &&Vector| vector.key["alg"].is_string() && vector.key["alg"] != "RS256";
    for vector in vectors.iter().filter(is_for_another) {
        for key in &keys {
            assert!(!accepts(key, &vector.token), "{} {}", vector.id, vector.comment);
        }
    }
}

/// Key sets that are mixed, malformed or too weak: 26 vectors, of which one is valid RS256.
#[test]
fn no_bad_key_set_verifies_anything() {
    let set = TestSet::load(TestName::JsonWebKey).expect("the vectors are in the crate");
    let (mut seen, mut accepted) = (0, Vec::new());
    for group in set.test_groups {
        let keys = group.public_key.or(group.private_key).expect("a key set");
        for test in group.tests {
            seen += 1;
            let token = test.jws.expect("a token");
            let token = token.as_str().expect("in the compact form");
            let keys = keys["keys"].as_array().expect("keys");
            if keys.iter().any(|key| accepts(key, token)) {
                accepted.push(test.tc_id);
            }
        }
    }
    assert_eq!(seen, 26, "Wycheproof counts them so");
    // 5 is the valid one. 7 is well-formed and strong enough by its size, but made by a generator
    // with a flaw (ROCA): ours has none, and no key but ours is ever in the set.
    assert_eq!(accepted, [5, 7]);
}
