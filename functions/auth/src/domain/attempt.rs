//! Attempts to sign in, and the codes native clients get for them.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use millwright_core::{OrgId, SessionId, Timestamp, UserId, wire_enum};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::DeviceName;
use crate::{
    secret::{Fingerprint, Secret},
    settings::NativeClient,
};

wire_enum! {
    /// What somebody wants of the provider.
    pub enum Purpose {
        SignIn = "sign_in",
        Reauthenticate = "reauthenticate",
        Link = "link",
    }
}

/// One way to the provider and back. Used once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub state: Fingerprint,
    /// Of the cookie in the browser that began.
    pub binding: Fingerprint,
    pub nonce: Secret,
    /// PKCE (RFC 7636), towards the provider.
    pub verifier: Secret,
    pub provider: String,
    pub purpose: Purpose,
    pub client: Client,
    pub remember: bool,
    pub organization_id: Option<OrgId>,
    pub reactivate: bool,
    /// Seconds. The provider must have seen the person's credentials so long before this began at
    /// most, if it says when that was.
    #[serde(default)]
    pub max_age: Option<u32>,
    /// Who has begun, to link or to sign in again.
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub started_at: Timestamp,
}

impl Attempt {
    pub const LIFETIME: Duration = Duration::from_secs(600);

    /// Since when the person's credentials must have been seen; none: it does not matter.
    pub fn seen_since(&self) -> Option<Timestamp> {
        self.max_age.map(|seconds| self.started_at.minus(Duration::from_secs(seconds.into())))
    }
}

/// Where the person goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Client {
    /// A page of ours: an origin and a path.
    Web {
        app: String,
        return_to: String,
    },
    Native(Native),
}

/// What a native client has asked for (RFC 6749 section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Native {
    pub client_id: String,
    pub redirect_uri: String,
    pub code_challenge: String,
    pub state: String,
    pub scope: String,
    pub nonce: Option<String>,
    pub device_name: Option<DeviceName>,
}

impl Client {
    pub fn id(&self) -> &str {
        match self {
            Client::Web { .. } => "web",
            Client::Native(native) => &native.client_id,
        }
    }
}

/// Our own code for a native client: 60 seconds, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationCode {
    pub fingerprint: Fingerprint,
    pub native: Native,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub issued_at: Timestamp,
    pub consumed: bool,
}

impl AuthorizationCode {
    pub const LIFETIME: Duration = Duration::from_secs(60);
    /// How long a second use is noticed.
    pub const REMEMBERED: Duration = Duration::from_secs(600);
}

/// `code_challenge` of a verifier, S256.
pub fn pkce_challenge(verifier: &str) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref())
}

/// A path of 1-500 characters that stays on the origin it is joined to: exactly one `/` at its
/// beginning, no `\`, nothing that decodes to a control character.
pub fn is_return_path(text: &str) -> bool {
    let length = text.chars().count();
    let is_one_slash = text.starts_with('/') && !text.starts_with("//");
    let is_sane = |text: &str| !text.chars().any(|c| c == '\\' || c.is_control());
    let decoded: Vec<u8> =
        form_urlencoded::parse(text.replace('&', "%26").replace('=', "%3D").as_bytes())
            .flat_map(|(name, _)| name.into_owned().into_bytes())
            .collect();
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    (1..=500).contains(&length)
        && is_one_slash
        && is_sane(text)
        && is_sane(&decoded)
        && !decoded.starts_with("//")
}

/// A redirect of the client: `http://127.0.0.1:<port><path>` or `http://[::1]:<port><path>`
/// (RFC 8252 section 7.3).
pub fn is_loopback_redirect(client: &NativeClient, text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_host = match url.host() {
        Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        _ => false,
    };
    url.scheme() == "http"
        && is_host
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && text.len() <= 255
        // As written: what a parser makes of it is another redirect.
        && url.as_str() == text
        && client.paths.iter().any(|path| path == url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_paths_stay_here() {
        for good in ["/", "/a/b?c=d&e=f", "/%C3%BC", "/a?next=%2Fb", "/a+b"] {
            assert!(is_return_path(good), "{good}");
        }
        let long = format!("/{}", "a".repeat(500));
        for bad in [
            "",
            "a",
            "//evil",
            "/\\evil",
            "\\evil",
            "https://evil",
            "/%0d%0aSet-Cookie:x",
            "/\r\n",
            "/%5cevil",
            "/a%00",
            &long,
        ] {
            assert!(!is_return_path(bad), "{bad}");
        }
    }

    #[test]
    fn redirects_go_to_this_very_machine() {
        let client = NativeClient {
            id: "cli".to_owned(),
            display_name: "Command line".to_owned(),
            paths: vec!["/callback".to_owned()],
        };
        for good in ["http://127.0.0.1:4711/callback", "http://[::1]:1/callback"] {
            assert!(is_loopback_redirect(&client, good), "{good}");
        }
        for bad in [
            "http://localhost:4711/callback",
            "https://127.0.0.1:4711/callback",
            "http://127.0.0.1:4711/other",
            "http://127.0.0.1:4711/callback?x=1",
            "http://127.0.0.1:4711/callback#x",
            "http://127.0.0.2:4711/callback",
            "http://example.org:4711/callback",
            "http://127.0.0.1:4711@example.org/callback",
            "http://127.1:4711/callback",
            "http://127.0.0.1:4711/x/../callback",
            "app:/callback",
            "",
        ] {
            assert!(!is_loopback_redirect(&client, bad), "{bad}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(pkce_challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
