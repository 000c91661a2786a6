//! The verifier against tokens that are almost right (specs auth 5.8).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::KeyPair,
    signature::KeyPair as _,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::JwkSet};
use millwright_core::{Clock, Error, OrgId, Result, Timestamp, UserId, codes};
use millwright_identity::{
    Grants, KeyCache, KeySource, NoApiKeys, NoRevocations, Revocations, StaticKeys, SystemRole,
    Verifier, VerifierParts,
    issuer::{Grant, Issuer},
};
use serde_json::{Value, json};
use uuid::Uuid;

const ISSUER: &str = "http://127.0.0.1:9000/api/v1";
const AUDIENCE: &str = "millwright";

struct Bench {
    issuer: Issuer,
    verifier: Verifier,
    clock: Clock,
}

fn bench() -> Bench {
    let issuer = Issuer::generate(ISSUER, AUDIENCE).unwrap();
    let clock = Clock::fixed("2026-11-23T01:00:00Z".parse::<Timestamp>().unwrap());
    let keys = KeyCache::new(Arc::new(StaticKeys(issuer.public_keys())), clock.clone());
    let verifier = verifier_with(keys, &clock);
    Bench { issuer, verifier, clock }
}

fn verifier_with(keys: KeyCache, clock: &Clock) -> Verifier {
    Verifier::new(parts(keys, Arc::new(NoRevocations), clock))
}

fn parts(keys: KeyCache, revocations: Arc<dyn Revocations>, clock: &Clock) -> VerifierParts {
    VerifierParts {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        revocations,
        api_keys: Arc::new(NoApiKeys),
        clock: clock.clone(),
    }
}

fn member() -> Grant {
    Grant {
        user: UserId::from_uuid(Uuid::from_u128(7)),
        organization: Some(OrgId::from_uuid(Uuid::from_u128(8))),
        role: Some("member".into()),
        permissions: None,
    }
}

impl Bench {
    fn claims(&self) -> Value {
        serde_json::to_value(self.issuer.claims(&member(), self.clock.now(), "jti-1")).unwrap()
    }

    /// A token whose claims were bent before signing.
    fn bent(&self, bend: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        bend(&mut claims);
        self.issuer.sign(&self.issuer.header(), &claims).unwrap()
    }

    async fn refusal(&self, token: &str) -> &'static str {
        self.verifier.verify(token, None).await.expect_err("must be refused").code().name
    }
}

#[tokio::test]
async fn an_ordinary_token_names_its_principal() {
    let bench = bench();
    let token = bench.issuer.issue(&member(), bench.clock.now(), "jti-1").unwrap();
    let principal = bench.verifier.verify(&token, None).await.unwrap();
    assert_eq!(principal.subject, member().user.to_string());
    assert_eq!(principal.tenant.unwrap().organization(), member().organization);
    assert_eq!(principal.grants, Grants::Role(SystemRole::Member));
    assert_eq!(principal.expires_at.as_second() - bench.clock.now().as_second(), 900);
}

#[tokio::test]
async fn unknown_claims_are_skipped_and_fact_versions_carried() {
    let bench = bench();
    let token = bench.bent(|claims| {
        claims["fv"] = json!([1, 2, 3, 4]);
        claims["later_claim"] = json!({"any": ["thing"]});
    });
    let facts = bench.verifier.verify(&token, None).await.unwrap().fact_versions;
    assert_eq!((facts.user, facts.organization, facts.membership, facts.role), (1, 2, 3, 4));
}

#[tokio::test]
async fn custom_roles_grant_their_patterns() {
    let bench = bench();
    let token = bench.bent(|claims| {
        claims["role"] = json!("role_01jdz7");
        claims["perms"] = json!("planning.* auth.api_key.read nonsense");
    });
    let Grants::Patterns(patterns) = bench.verifier.verify(&token, None).await.unwrap().grants
    else {
        panic!("patterns expected");
    };
    assert_eq!(patterns.len(), 2);
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused() {
    let bench = bench();
    let now = bench.clock.now().as_second();
    let cases: Vec<(&str, Value)> = vec![
        ("iss", json!("https://evil.example/api/v1")),
        ("aud", json!("other")),
        ("aud", json!(["other", "another"])),
        ("iat", json!(now + 31)),
        ("iat", json!(now as f64 + 0.5)),
        ("iat", json!(now.to_string())),
        ("exp", json!((now + 900).to_string())),
        ("exp", json!(now as f64 + 900.5)),
        ("exp", json!(now)),
        ("sub", json!("org_01jdz7")),
        ("org", json!("org_short")),
        ("org", json!("usr_01h455vb4pex5vsknk084sn02q")),
        ("op", json!(true)),
    ];
    for (claim, value) in cases {
        let token = bench.bent(|claims| claims[claim] = value.clone());
        assert_eq!(bench.refusal(&token).await, "invalid_token", "{claim} = {value}");
    }
    for claim in ["iss", "aud", "sub", "iat", "exp", "jti", "client_id"] {
        let token = bench.bent(|claims| {
            claims.as_object_mut().unwrap().remove(claim);
        });
        assert_eq!(bench.refusal(&token).await, "invalid_token", "without {claim}");
    }
}

#[tokio::test]
async fn a_token_expires_after_its_leeway() {
    let bench = bench();
    let token = bench.issuer.issue(&member(), bench.clock.now(), "jti-1").unwrap();
    bench.clock.advance(Duration::from_secs(929));
    assert!(bench.verifier.verify(&token, None).await.is_ok());
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.refusal(&token).await, "token_expired");
}

/// The header of an ordinary token, as JSON to bend.
fn header_of(issuer: &Issuer) -> Value {
    json!({ "typ": "at+jwt", "alg": "RS256", "kid": issuer.header().kid.unwrap() })
}

/// Each of these is signed by our own key, so that nothing but the header can be the reason.
#[tokio::test]
async fn headers_that_choose_for_themselves_are_refused() {
    let bench = bench();
    let good = header_of(&bench.issuer);
    let stranger = Issuer::generate(ISSUER, AUDIENCE).unwrap();
    let public_key = &bench.issuer.public_keys().keys[0];
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("")),
        ("alg", json!("HS256")),
        ("alg", json!("RS384")),
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("alg", json!("ES256")),
        ("alg", json!("rs256")),
        ("alg", json!(["RS256"])),
        ("alg", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("id+jwt")),
        ("typ", json!("")),
        ("typ", json!(["at+jwt"])),
        ("typ", Value::Null),
        ("kid", json!("unknown")),
        ("kid", json!("")),
        ("kid", json!(stranger.header().kid)),
        ("kid", json!([good["kid"]])),
        ("kid", Value::Null),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jwk", json!(public_key)),
        ("jwk", Value::Null),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/certificate")),
        ("x5c", json!(["MIIB"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header = good.clone();
        header[member] = value.clone();
        let bent = bench.issuer.sign_raw(&header, bench.claims()).unwrap();
        assert_eq!(bench.refusal(&bent).await, "invalid_token", "{member} = {value}");
    }
    for member in ["alg", "typ", "kid"] {
        let mut header = good.clone();
        header.as_object_mut().unwrap().remove(member);
        let bent = bench.issuer.sign_raw(&header, bench.claims()).unwrap();
        assert_eq!(bench.refusal(&bent).await, "invalid_token", "without {member}");
    }
    for header in ["", "null", "[]", "\"RS256\"", "{", &format!("{good}{good}")] {
        let bent = bench.issuer.sign_raw(header, bench.claims()).unwrap();
        assert_eq!(bench.refusal(&bent).await, "invalid_token", "{header}");
    }
}

/// The control of the test above: what is signed raw is accepted if nothing is bent.
#[tokio::test]
async fn headers_may_be_written_in_any_way_that_means_the_same() {
    let bench = bench();
    let kid = bench.issuer.header().kid.unwrap();
    for header in [
        header_of(&bench.issuer).to_string(),
        format!("{{ \"kid\" : \"{kid}\",\n\"alg\":\"RS256\", \"typ\":\"at+jwt\" }}"),
        format!(r#"{{"typ":"AT+JWT","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"RS\u0032\u00356","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"RS256","kid":"{kid}","cty":"later"}}"#),
    ] {
        let token = bench.issuer.sign_raw(&header, bench.claims()).unwrap();
        bench
            .verifier
            .verify(&token, None)
            .await
            .unwrap_or_else(|error| panic!("{header}: {error}"));
    }
}

/// Two readers of a doubled member could see two different tokens.
#[tokio::test]
async fn doubled_members_are_refused_though_signed() {
    let bench = bench();
    let header = header_of(&bench.issuer).to_string();
    for doubled in [
        r#""alg":"none","#,
        r#""alg":"RS256","#,
        r#""\u0061lg":"RS256","#,
        r#""typ":"JWT","#,
        r#""kid":"another","#,
        r#""later":1,"later":1,"#,
        r#""later":[{"a":1,"a":2}],"#,
    ] {
        let header = header.replacen('{', &format!("{{{doubled}"), 1);
        let token = bench.issuer.sign_raw(&header, bench.claims()).unwrap();
        assert_eq!(bench.refusal(&token).await, "invalid_token", "{header}");
    }
    let claims = bench.claims().to_string();
    for doubled in [
        r#""sub":"usr_01h455vb4pex5vsknk084sn02q","#,
        r#""\u0073ub":"usr_01h455vb4pex5vsknk084sn02q","#,
        r#""exp":1,"#,
        r#""org":null,"#,
        r#""later":1,"later":1,"#,
        r#""later":{"deep":{"a":1,"a":1}},"#,
    ] {
        let claims = claims.replacen('{', &format!("{{{doubled}"), 1);
        let token = bench.issuer.sign_raw(&header, &claims).unwrap();
        assert_eq!(bench.refusal(&token).await, "invalid_token", "{claims}");
    }
    for claims in ["", "null", "[]", "7", "{", &format!("{claims}{claims}"), &format!("[{claims}]")]
    {
        let token = bench.issuer.sign_raw(&header, claims).unwrap();
        assert_eq!(bench.refusal(&token).await, "invalid_token", "{claims}");
    }
}

/// Algorithm confusion: a MAC whose secret is our public key, in each form an attacker may guess.
#[tokio::test]
async fn macs_with_the_public_key_are_refused() {
    let bench = bench();
    let private = bench.issuer.private_pem();
    let der: String = private.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = KeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let der: PublicKeyX509Der = pair.public_key().as_der().unwrap();
    let pem = |text: &str| format!("-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n");
    let in_lines: String = STANDARD
        .encode(der.as_ref())
        .as_bytes()
        .chunks(64)
        .map(|line| format!("{}\n", str::from_utf8(line).unwrap()))
        .collect();
    let jwk = serde_json::to_value(&bench.issuer.public_keys().keys[0]).unwrap();
    let modulus = jwk["n"].as_str().unwrap();
    for secret in [
        pem(&in_lines).into_bytes(),
        pem(&in_lines).trim_end().as_bytes().to_vec(),
        der.as_ref().to_vec(),
        jwk.to_string().into_bytes(),
        modulus.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        Vec::new(),
    ] {
        for alg in ["HS256", "RS256"] {
            let mut header = header_of(&bench.issuer);
            header["alg"] = json!(alg);
            let [header, claims] =
                [header, bench.claims()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            let message = format!("{header}.{claims}");
            let key = EncodingKey::from_secret(&secret);
            let mac = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
            assert_eq!(bench.refusal(&format!("{message}.{mac}")).await, "invalid_token");
        }
    }
}

#[tokio::test]
async fn broken_tokens_are_refused() {
    let bench = bench();
    let token = bench.issuer.issue(&member(), bench.clock.now(), "jti-1").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let other = Issuer::generate(ISSUER, AUDIENCE).unwrap();
    let forged = other.sign(&bench.issuer.header(), &bench.claims()).unwrap();
    for broken in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c.d".into(),
        parts[0].to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}=", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[2], parts[1]),
        format!("{token}A"),
        format!("{token}{}", "A".repeat(9_000)),
        forged,
    ] {
        assert_eq!(bench.refusal(&broken).await, "invalid_token", "{broken}");
    }
}

struct CountingKeys {
    keys: JwkSet,
    fetches: Arc<AtomicUsize>,
}

impl KeySource for CountingKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(self.keys.clone()) })
    }
}

#[tokio::test]
async fn an_unknown_kid_refetches_once_a_minute() {
    let known = Issuer::generate(ISSUER, AUDIENCE).unwrap();
    let stranger = Issuer::generate(ISSUER, AUDIENCE).unwrap();
    let clock = Clock::fixed("2026-11-23T01:00:00Z".parse::<Timestamp>().unwrap());
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = CountingKeys { keys: known.public_keys(), fetches: fetches.clone() };
    let keys = KeyCache::new(Arc::new(source), clock.clone());
    let verifier = verifier_with(keys, &clock);
    assert_eq!(fetches.load(Ordering::SeqCst), 0, "nothing is fetched before the first token");
    let good = known.issue(&member(), clock.now(), "1").unwrap();
    let strange = stranger.issue(&member(), clock.now(), "2").unwrap();
    verifier.verify(&good, None).await.unwrap();
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    for _ in 0..10 {
        assert!(verifier.verify(&strange, None).await.is_err());
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1, "the set is fresh");
    clock.advance(Duration::from_secs(60));
    for _ in 0..10 {
        assert!(verifier.verify(&strange, None).await.is_err());
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 2, "one refetch for the unknown kid");
}

struct Revoked;

impl Revocations for Revoked {
    fn check<'a>(
        &'a self,
        _principal: &'a millwright_identity::Principal,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(Error::new(codes::TOKEN_REVOKED, "signed out")) })
    }
}

#[tokio::test]
async fn the_revocation_port_is_asked() {
    let bench = bench();
    let keys = KeyCache::new(Arc::new(StaticKeys(bench.issuer.public_keys())), bench.clock.clone());
    let verifier = Verifier::new(parts(keys, Arc::new(Revoked), &bench.clock));
    let token = bench.issuer.issue(&member(), bench.clock.now(), "jti-1").unwrap();
    assert_eq!(verifier.verify(&token, None).await.unwrap_err().code(), codes::TOKEN_REVOKED);
}
