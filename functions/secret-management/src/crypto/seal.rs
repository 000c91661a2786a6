//! AES-256-GCM, bound to the place of the value (rule 2).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use millwright_core::{Error, OrgId, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use crate::{
    codes,
    domain::{DataKeyId, SecretId},
};

/// Where a value is. A ciphertext that is copied anywhere else does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    pub organization: OrgId,
    pub secret: SecretId,
    pub version: u32,
    pub data_key: DataKeyId,
}

impl Whereabouts {
    /// `mw.secret.v1`, organization, secret, decimal version and data key, NUL between them.
    pub fn additional_data(&self) -> Vec<u8> {
        let Whereabouts { organization, secret, version, data_key } = self;
        format!("mw.secret.v1\0{organization}\0{secret}\0{version}\0{data_key}").into_bytes()
    }
}

/// A sealed value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sealed {
    pub nonce: ByteBuf,
    /// With the tag of 16 bytes at its end.
    pub ciphertext: ByteBuf,
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey> {
    let unbound = UnboundKey::new(&AES_256_GCM, key);
    unbound.map(LessSafeKey::new).map_err(|_| Error::internal("a key of a wrong length"))
}

/// Seals under a nonce that was never used with this key before: 12 random bytes.
///
/// # Errors
/// `internal` if it cannot be sealed.
pub fn seal(
    key: &[u8; 32],
    nonce: [u8; NONCE_LEN],
    additional_data: &[u8],
    plaintext: &[u8],
) -> Result<Sealed> {
    let mut text = Zeroizing::new(Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len()));
    text.extend_from_slice(plaintext);
    let unique = Nonce::assume_unique_for_key(nonce);
    cipher(key)?
        .seal_in_place_append_tag(unique, Aad::from(additional_data), &mut *text)
        .map_err(|_| Error::internal("a value cannot be sealed"))?;
    let ciphertext = ByteBuf::from(std::mem::take(&mut *text));
    Ok(Sealed { nonce: ByteBuf::from(nonce.to_vec()), ciphertext })
}

/// Opens what was sealed for exactly this place.
///
/// # Errors
/// `value_unreadable` if its authentication fails.
pub fn open(key: &[u8; 32], additional_data: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>> {
    let unreadable =
        || Error::new(codes::VALUE_UNREADABLE, "").because("a ciphertext does not authenticate");
    let nonce = Nonce::try_assume_unique_for_key(&sealed.nonce).map_err(|_| unreadable())?;
    let mut text = Zeroizing::new(sealed.ciphertext.to_vec());
    let opened = cipher(key)?
        .open_in_place(nonce, Aad::from(additional_data), &mut text)
        .map_err(|_| unreadable())?
        .len();
    text.truncate(opened);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use millwright_core::Timestamp;
    use wycheproof_ng_aead::aead::{TestName, TestSet};

    use super::*;

    /// Project Wycheproof's vectors of AES-GCM, those with our sizes: keys of 256 bits, nonces of
    /// 96, tags of 128.
    #[test]
    fn every_vector_of_our_sizes_seals_and_opens_as_it_should() {
        let set = TestSet::load(TestName::AesGcm).expect("the vectors are in the crate");
        let mut tried = 0;
        for group in set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                let key: [u8; 32] = test.key.as_ref().try_into().expect("256 bits");
                let nonce: [u8; 12] = test.nonce.as_ref().try_into().expect("96 bits");
                let given = [test.ct.as_ref(), test.tag.as_ref()].concat();
                let given = Sealed {
                    nonce: ByteBuf::from(nonce.to_vec()),
                    ciphertext: ByteBuf::from(given),
                };
                let opened = open(&key, &test.aad, &given);
                let sealed = seal(&key, nonce, &test.aad, &test.pt).expect("sealed");
                if test.result.must_fail() {
                    assert!(opened.is_err() && sealed != given, "{}", test.tc_id);
                } else {
                    assert_eq!(sealed, given, "{}", test.tc_id);
                    assert_eq!(**opened.expect("opens"), *test.pt.as_ref(), "{}", test.tc_id);
                }
                tried += 1;
            }
        }
        assert_eq!(tried, 66, "Wycheproof counts them so");
    }

    /// Sealed by PyPI `cryptography` 50.0.2, `AESGCM(bytes(range(32))).encrypt(…)`.
    const BY_OTHERS: &str = "3339b50300cb6cbc560b3b8cbf0b4880408b95c76368fe155dafd4e505b5540e";

    #[test]
    fn others_seal_and_open_the_same() {
        let place = Whereabouts {
            organization: "org_01jdbx07tefgx8m4avw9vx1701".parse().unwrap(),
            secret: "sec_01jdz7xk2nf5h9vq3w8c6m4t0b".parse().unwrap(),
            version: 7,
            data_key: "dky_01jdz7xk2nf5h9vq3w8c6m4t0b".parse().unwrap(),
        };
        let key: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let nonce: [u8; 12] = std::array::from_fn(|index| u8::try_from(index + 100).unwrap());
        let value = br#"{"key":"hidden"}"#;
        let sealed = seal(&key, nonce, &place.additional_data(), value).unwrap();
        let text: String = sealed.ciphertext.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, BY_OTHERS);
        assert_eq!(**open(&key, &place.additional_data(), &sealed).unwrap(), *value);
    }

    #[test]
    fn a_value_opens_at_its_own_place_only() {
        let at = Timestamp::UNIX_EPOCH;
        let place = Whereabouts {
            organization: OrgId::derived(at, &[1; 10]),
            secret: SecretId::derived(at, &[1; 10]),
            version: 1,
            data_key: DataKeyId::derived(at, &[1; 10]),
        };
        let key = [9; 32];
        let sealed = seal(&key, [3; 12], &place.additional_data(), b"hidden").unwrap();
        assert_eq!(**open(&key, &place.additional_data(), &sealed).unwrap(), *b"hidden");
        for elsewhere in [
            Whereabouts { organization: OrgId::derived(at, &[2; 10]), ..place },
            Whereabouts { secret: SecretId::derived(at, &[2; 10]), ..place },
            Whereabouts { version: 2, ..place },
            Whereabouts { data_key: DataKeyId::derived(at, &[2; 10]), ..place },
        ] {
            let opened = open(&key, &elsewhere.additional_data(), &sealed);
            assert!(opened.is_err_and(|error| error.is(codes::VALUE_UNREADABLE)));
        }
        assert!(open(&[8; 32], &place.additional_data(), &sealed).is_err());
    }
}
