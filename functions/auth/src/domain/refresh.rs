//! Refresh tokens: `mwr_` and 134 characters of base64url.
//!
//! Inside are user (16 bytes), session (16), generation (4), randomness (32) and a MAC of all that
//! (32): a forged one is refused before anything is read. Each use makes a successor, which is kept
//! sealed under a key made of the token that was used: who has only the table has nothing.

use std::time::Duration;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use millwright_core::{Error, Id, Result, SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::Session;
use crate::secret::{MacKey, Secret};

/// How long a used token still gets its successor, while that is unused.
pub const GRACE: Duration = Duration::from_secs(30);

const PREFIX: &str = "mwr_";
const BODY: usize = 16 + 16 + 4 + 32;
const LENGTH: usize = BODY + 32;

/// A token whose MAC is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    pub user: UserId,
    pub session: SessionId,
    pub generation: u32,
    pub text: Secret,
}

/// What a token means for its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// It is the current one.
    Current,
    /// It was used a moment ago, and its successor was not: the same successor again.
    Repeated(String),
    /// It was used, and something else has happened since: two have it.
    Reused,
    /// It was never given out.
    Unknown,
}

impl RefreshToken {
    /// Makes a token of 32 random bytes.
    pub fn mint(
        key: &MacKey,
        user: UserId,
        session: SessionId,
        generation: u32,
        random: &[u8; 32],
    ) -> RefreshToken {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(user.uuid().as_bytes());
        bytes.extend_from_slice(session.uuid().as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(random);
        let tag = key.sign(&bytes);
        bytes.extend_from_slice(tag.as_ref());
        let text = Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)));
        RefreshToken { user, session, generation, text }
    }

    /// None if none of the keys has vouched for it.
    pub fn read(text: &str, keys: &[MacKey]) -> Option<RefreshToken> {
        let encoded = text.strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok().filter(|it| it.len() == LENGTH)?;
        let (body, tag) = bytes.split_at(BODY);
        keys.iter().find(|key| key.vouches_for(body, tag))?;
        let uuid = |from: usize| Uuid::from_slice(&body[from..from + 16]).ok();
        let generation = body[32..36].try_into().ok()?;
        Some(RefreshToken {
            user: Id::from_uuid(uuid(0)?),
            session: Id::from_uuid(uuid(16)?),
            generation: u32::from_be_bytes(generation),
            text: Secret::new(text),
        })
    }

    pub fn meets(&self, session: &Session, now: Timestamp) -> Presented {
        let refresh = &session.refresh;
        let fingerprint = self.text.fingerprint();
        if refresh.current.as_ref() == Some(&fingerprint) {
            return Presented::Current;
        }
        match &refresh.consumed {
            Some(used) if used.fingerprint == fingerprint && now.since(used.at) < GRACE => {
                Presented::Repeated(used.sealed_successor.clone())
            }
            _ if self.generation < refresh.generation => Presented::Reused,
            _ => Presented::Unknown,
        }
    }
}

/// One key for one message: a token has one successor.
fn sealing_key(token: &Secret) -> Result<LessSafeKey> {
    let from = hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes());
    let key = hmac::sign(&from, b"millwright refresh successor 1");
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref());
    key.map(LessSafeKey::new).map_err(|_| Error::internal("AES-256 takes 32 bytes"))
}

/// Seals the successor for whoever presents `token` again.
///
/// # Errors
/// `internal` if the library refuses.
pub fn seal_successor(
    token: &Secret,
    successor: &Secret,
    nonce: [u8; NONCE_LEN],
) -> Result<String> {
    let mut sealed = successor.expose().as_bytes().to_vec();
    let unique = Nonce::assume_unique_for_key(nonce);
    sealing_key(token)?
        .seal_in_place_append_tag(unique, Aad::empty(), &mut sealed)
        .map_err(|_| Error::internal("a successor could not be sealed"))?;
    let mut bytes = nonce.to_vec();
    bytes.append(&mut sealed);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// # Errors
/// `internal` if it was not sealed for this token.
pub fn open_successor(token: &Secret, sealed: &str) -> Result<Secret> {
    let malformed = || Error::internal("a sealed successor cannot be opened");
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| malformed())?;
    if bytes.len() < NONCE_LEN {
        return Err(malformed());
    }
    let mut rest = bytes.split_off(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| malformed())?;
    let opened = sealing_key(token)?.open_in_place(nonce, Aad::empty(), &mut rest);
    let opened = opened.map_err(|_| malformed())?;
    String::from_utf8(opened.to_vec()).map(Secret::new).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::{
        super::session::{Consumed, tests::session},
        *,
    };

    fn key(text: &str) -> MacKey {
        MacKey::new(text)
    }

    fn token(generation: u32) -> RefreshToken {
        let session = session(1, Timestamp::UNIX_EPOCH);
        let random = [u8::try_from(generation).expect("small"); 32];
        RefreshToken::mint(&key("k"), session.user_id, session.id, generation, &random)
    }

    #[test]
    fn only_our_own_tokens_are_read() {
        let minted = token(7);
        let text = minted.text.expose();
        assert_eq!(RefreshToken::read(text, &[key("new"), key("k")]), Some(minted.clone()));
        assert_eq!(RefreshToken::read(text, &[key("another")]), None);
        let mut forged = text.to_owned();
        forged.replace_range(60..61, if &text[60..61] == "A" { "B" } else { "A" });
        assert_eq!(RefreshToken::read(&forged, &[key("k")]), None);
        for bad in ["", "mwr_", "mwr_AAAA", "x", &text[..text.len() - 1]] {
            assert_eq!(RefreshToken::read(bad, &[key("k")]), None);
        }
    }

    #[test]
    fn a_used_token_gets_its_successor_for_thirty_seconds() {
        let at = |seconds: i64| Timestamp::from_millisecond(seconds * 1_000);
        let (first, second, third) = (token(1), token(2), token(3));
        let mut session = session(1, at(0));
        session.refresh.generation = 1;
        session.refresh.current = Some(first.text.fingerprint());
        assert_eq!(first.meets(&session, at(0)), Presented::Current);
        assert_eq!(second.meets(&session, at(0)), Presented::Unknown);
        let sealed = seal_successor(&first.text, &second.text, [9; 12]).expect("sealed");
        session.refresh.generation = 2;
        session.refresh.current = Some(second.text.fingerprint());
        session.refresh.consumed = Some(Consumed {
            fingerprint: first.text.fingerprint(),
            at: at(0),
            sealed_successor: sealed.clone(),
        });
        assert_eq!(first.meets(&session, at(29)), Presented::Repeated(sealed.clone()));
        assert_eq!(open_successor(&first.text, &sealed).expect("opened"), second.text);
        assert!(open_successor(&third.text, &sealed).is_err());
        assert_eq!(first.meets(&session, at(30)), Presented::Reused);
        session.refresh.generation = 3;
        session.refresh.consumed = None;
        assert_eq!(first.meets(&session, at(1)), Presented::Reused, "the successor was used");
    }
}
