//! SSH keys.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use millwright_core::FaultCode;
use ssh_key::{
    Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey,
    private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData},
    public::{Ed25519PublicKey, KeyData},
};
use zeroize::Zeroizing;

use super::{
    certificate::{self, private_key},
    value::{Checked, Members},
};

/// Fewer bits can be factored.
const MIN_RSA_BITS: usize = 2_048;

pub(super) fn check_key_pair(members: &mut Members<'_>, checked: &mut Checked) {
    let private = members.text("privateKey");
    let public = members.optional("publicKey");
    members.optional("passphrase");
    let said = members.optional("keyType");
    if said.is_some_and(|kind| !matches!(kind, "rsa" | "ed25519" | "ecdsa")) {
        members.fault("keyType", FaultCode::NotAllowed, "must be one of rsa, ed25519, ecdsa");
    }
    let given = public.map(PublicKey::from_openssh);
    if matches!(given, Some(Err(_))) {
        members.fault(
            "publicKey",
            FaultCode::BadFormat,
            "must be a public key as OpenSSH writes it",
        );
    }
    let Some(text) = private else { return };
    let Ok(key) = PrivateKey::from_openssh(text) else {
        // Other forms are kept as they are; what can be said of them is whether they are keys.
        if matches!(private_key(text), certificate::PrivateKey::Unknown) {
            let detail = "must be a private key of OpenSSH or in PEM";
            members.fault("privateKey", FaultCode::BadFormat, detail);
        }
        return;
    };
    let own = key.public_key();
    let kind = match own.algorithm() {
        Algorithm::Rsa { .. } => "rsa",
        Algorithm::Ed25519 => "ed25519",
        Algorithm::Ecdsa { .. } => "ecdsa",
        _ => {
            let detail = "must be a key of RSA, Ed25519 or ECDSA";
            return members.fault("privateKey", FaultCode::NotAllowed, detail);
        }
    };
    if let KeyData::Rsa(rsa) = own.key_data()
        && rsa.n.as_positive_bytes().is_none_or(|bytes| bytes.len() * 8 < MIN_RSA_BITS)
    {
        members.fault("privateKey", FaultCode::TooSmall, "must have at least 2048 bits");
    }
    if said.is_some_and(|said| said != kind) {
        members.fault("keyType", FaultCode::NotAllowed, "is not the type of the private key");
    }
    if let Some(Ok(given)) = given
        && given.key_data() != own.key_data()
    {
        members.fault("publicKey", FaultCode::NotAllowed, "is not the one of the private key");
    }
    checked.known.facts.key_type = Some(kind.to_owned());
    checked.known.facts.fingerprint = Some(own.fingerprint(HashAlg::Sha256).to_string());
}

/// The pair of Ed25519 keys of a seed, as OpenSSH writes them: private and public. None only if a
/// library has lost its mind.
pub fn generated_key_pair(seed: &[u8; 32]) -> Option<(Zeroizing<String>, String)> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    let public: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
    let keys = Ed25519Keypair {
        public: Ed25519PublicKey(public),
        private: Ed25519PrivateKey::from_bytes(seed),
    };
    let key = PrivateKey::new(KeypairData::Ed25519(keys), "").ok()?;
    let public = key.public_key().to_openssh().ok()?;
    Some((key.to_openssh(LineEnding::LF).ok()?, public))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Plaintext, SecretType, check_value};

    #[test]
    fn a_generated_pair_is_a_key_whose_public_half_matches() {
        let (private, public) = generated_key_pair(&[7; 32]).unwrap();
        let (_, other) = generated_key_pair(&[8; 32]).unwrap();
        let check = |public: &str| {
            let value =
                json!({ "privateKey": *private, "publicKey": public, "keyType": "ed25519" });
            let shape = |faults| millwright_core::Faults(faults).into();
            check_value(SecretType::SshKey, &Plaintext::new(value), shape)
        };
        let facts = check(&public).unwrap().known.facts;
        assert_eq!(facts.key_type.as_deref(), Some("ed25519"));
        assert!(facts.fingerprint.unwrap().starts_with("SHA256:"));
        assert_eq!(check(&other).unwrap_err().faults()[0].pointer, "/value/publicKey");
    }
}
