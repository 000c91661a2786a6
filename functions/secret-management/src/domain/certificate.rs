//! X.509 certificates and the keys that belong to them.

use aws_lc_rs::{
    digest, rsa,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    },
};
use millwright_core::{FaultCode, Timestamp};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::value::{Checked, Members};

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn check_certificate(members: &mut Members<'_>, checked: &mut Checked) {
    let certificate = members.text("certificate");
    let key = members.optional("privateKey");
    let chain = members.optional("chain");
    members.optional("passphrase");
    if let Some(chain) = chain
        && certificates(chain).is_none_or(|all| all.is_empty())
    {
        members.fault("chain", FaultCode::BadFormat, "must be certificates in PEM");
    }
    let Some(text) = certificate else { return };
    let found = certificates(text).and_then(|all| all.into_iter().next());
    let Some(der) = found else {
        members.fault("certificate", FaultCode::BadFormat, "must be a certificate in PEM");
        return;
    };
    // Parsed by `certificates` already.
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else { return };
    let validity = parsed.validity();
    if validity.not_before >= validity.not_after {
        members.fault("certificate", FaultCode::NotAllowed, "is never valid");
    }
    let not_after = Timestamp::from_millisecond(validity.not_after.timestamp() * 1_000);
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|extension| {
        let name = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => Some(address(bytes)),
            _ => None,
        };
        extension.value.general_names.iter().filter_map(name).take(100).collect()
    });
    checked.known.expires_at = Some(not_after);
    checked.known.facts.subject = Some(parsed.subject().to_string());
    checked.known.facts.issuer = Some(parsed.issuer().to_string());
    checked.known.facts.sans = Some(names.unwrap_or_default());
    checked.known.facts.not_after = Some(not_after);
    checked.known.facts.sha256 = Some(hex(digest::digest(&digest::SHA256, &der).as_ref()));
    let Some(key) = key else { return };
    match private_key(key) {
        PrivateKey::Encrypted => {}
        PrivateKey::Unknown => {
            let detail = "must be a private key in PEM: PKCS #8, PKCS #1 or SEC 1";
            members.fault("privateKey", FaultCode::BadFormat, detail);
        }
        PrivateKey::Public(public) => {
            if public != parsed.public_key().subject_public_key.data.as_ref() {
                let detail = "is not the key of the certificate";
                members.fault("privateKey", FaultCode::NotAllowed, detail);
            }
        }
    }
}

fn address(bytes: &[u8]) -> String {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => std::net::Ipv4Addr::from(four).to_string(),
        (_, Ok(sixteen)) => std::net::Ipv6Addr::from(sixteen).to_string(),
        _ => hex(bytes),
    }
}

/// The DER of all certificates of a PEM text; none if one of them is no certificate.
fn certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let all = pem::parse_many(text).ok()?;
    let mut found = Vec::new();
    for block in all {
        if block.tag() == "CERTIFICATE" {
            X509Certificate::from_der(block.contents()).ok()?;
            found.push(block.contents().to_vec());
        }
    }
    Some(found)
}

/// What a private key in PEM comes to.
pub(super) enum PrivateKey {
    /// Its public key, as certificates have it.
    Public(Vec<u8>),
    Encrypted,
    Unknown,
}

pub(super) fn private_key(text: &str) -> PrivateKey {
    let Ok(all) = pem::parse_many(text) else { return PrivateKey::Unknown };
    let key = all.iter().find(|block| block.tag().ends_with("PRIVATE KEY"));
    let Some(key) = key else { return PrivateKey::Unknown };
    let is_encrypted = key.tag().starts_with("ENCRYPTED")
        || key.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED"));
    if is_encrypted {
        return PrivateKey::Encrypted;
    }
    let der = key.contents();
    let rsa = rsa::KeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der));
    if let Ok(pair) = rsa {
        return PrivateKey::Public(pair.public_key().as_ref().to_vec());
    }
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return PrivateKey::Public(pair.public_key().as_ref().to_vec());
    }
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    for curve in curves {
        let pair = EcdsaKeyPair::from_pkcs8(curve, der)
            .or_else(|_| EcdsaKeyPair::from_private_key_der(curve, der));
        if let Ok(pair) = pair {
            return PrivateKey::Public(pair.public_key().as_ref().to_vec());
        }
    }
    PrivateKey::Unknown
}
