//! The configuration of sign-in (specs auth, section 1): one JSON text of at most 8 KB.

use std::{collections::BTreeMap, fmt};

use deserr::Deserr;
use millwright_core::{Fault, FaultCode, Faults, wire_enum};
use serde_json::Value;
use url::{Host, Url};

wire_enum! {
    /// Who may sign up.
    pub enum SignUp {
        Open = "open",
        InvitedOnly = "invited_only",
        Domains = "domains",
    }
}

/// An OpenID Connect provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct Provider {
    /// 2-20 characters of `a-z 0-9 -`.
    pub id: String,
    pub display_name: String,
    /// The discovery URL without `/.well-known/openid-configuration`.
    pub issuer: String,
    /// What `iss` may say instead; 0-2.
    #[deserr(default)]
    pub issuer_aliases: Vec<String>,
    pub client_id: String,
    /// The secret, `<prefix>/<name>`, that holds the client secret.
    pub client_secret_name: String,
    #[deserr(default = "openid email profile".to_owned())]
    pub scopes: String,
    /// Whose people may sign in, by `hd` or domain of the e-mail; 0-20, empty: all.
    #[deserr(default)]
    pub hosted_domains: Vec<String>,
    /// Sent along to the authorization endpoint, e.g. `prompt=select_account`.
    #[deserr(default)]
    pub start_parameters: BTreeMap<String, String>,
}

/// A native client: public, PKCE compulsory, redirect to loopback (RFC 8252).
#[derive(Clone, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct NativeClient {
    pub id: String,
    pub display_name: String,
    /// Paths of the redirect, 1-5.
    pub paths: Vec<String>,
}

/// Somebody who may ask for operator tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct OperatorIdentity {
    pub issuer: String,
    pub subject: String,
}

/// All of it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// An origin, without a slash at its end.
    pub public_url: String,
    pub audience: String,
    pub providers: Vec<Provider>,
    pub clients: Vec<NativeClient>,
    pub app_origins: Vec<String>,
    pub sign_up: SignUp,
    pub sign_up_domains: Vec<String>,
    pub operators: Vec<OperatorIdentity>,
}

#[derive(Debug, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
struct SettingsIn {
    #[deserr(default)]
    public_url: Option<String>,
    #[deserr(default = "millwright".to_owned())]
    audience: String,
    providers: Vec<Provider>,
    #[deserr(default = standard_clients())]
    clients: Vec<NativeClient>,
    #[deserr(default)]
    app_origins: Vec<String>,
    #[deserr(default = SignUp::Open)]
    sign_up: SignUp,
    #[deserr(default)]
    sign_up_domains: Vec<String>,
    #[deserr(default)]
    operators: Vec<OperatorIdentity>,
}

/// Why the function does not start: every bad value with its key.
#[derive(Debug)]
pub struct BadSettings(Faults);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings of auth:")?;
        for fault in &self.0.0 {
            let key = fault.pointer.trim_start_matches('/').replace('/', ".");
            write!(f, " {key}: {};", fault.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for BadSettings {}

fn standard_clients() -> Vec<NativeClient> {
    [("cli", "Command line"), ("ide", "Editor")]
        .map(|(id, name)| NativeClient {
            id: id.to_owned(),
            display_name: name.to_owned(),
            paths: vec!["/callback".to_owned()],
        })
        .to_vec()
}

/// The longest text.
const MAX_BYTES: usize = 8 * 1024;

impl Settings {
    /// Reads and checks the text; `public_url` is the template's, used where the text has none.
    ///
    /// # Errors
    /// All bad values at once, each with its key.
    pub fn parse(text: &str, public_url: &str) -> Result<Settings, BadSettings> {
        let fault = |detail: String| {
            BadSettings(Faults::of(Fault::new("(text)", FaultCode::BadFormat, detail)))
        };
        if text.len() > MAX_BYTES {
            return Err(fault(format!("must have at most {MAX_BYTES} bytes")));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        let read = deserr::deserialize::<SettingsIn, _, Faults>(value).map_err(BadSettings)?;
        let settings = Settings {
            public_url: read.public_url.unwrap_or_else(|| public_url.to_owned()),
            audience: read.audience,
            providers: read.providers,
            clients: read.clients,
            app_origins: read.app_origins,
            sign_up: read.sign_up,
            sign_up_domains: read.sign_up_domains,
            operators: read.operators,
        };
        let mut faults = Checked::default();
        settings.check(&mut faults);
        match faults.0.is_empty() {
            true => Ok(settings),
            false => Err(BadSettings(Faults(faults.0))),
        }
    }

    /// Without a provider: nobody can sign in, everything else works.
    pub fn without_providers(public_url: &str, audience: &str) -> Settings {
        Settings {
            public_url: public_url.trim_end_matches('/').to_owned(),
            audience: audience.to_owned(),
            providers: Vec::new(),
            clients: standard_clients(),
            app_origins: Vec::new(),
            sign_up: SignUp::Open,
            sign_up_domains: Vec::new(),
            operators: Vec::new(),
        }
    }

    /// The `iss` of our tokens.
    pub fn issuer(&self) -> String {
        format!("{}/api/v1", self.public_url)
    }

    /// Where the provider sends people back to.
    pub fn callback(&self) -> String {
        format!("{}/auth/callback", self.issuer())
    }

    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    pub fn client(&self, id: &str) -> Option<&NativeClient> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The page people are sent to: the first of ours.
    pub fn app(&self) -> &str {
        self.app_origins.first().unwrap_or(&self.public_url)
    }

    /// Cookies can be `Secure`: everywhere but on a loopback http origin.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    pub fn is_operator(&self, issuer: &str, subject: &str) -> bool {
        self.operators.iter().any(|it| it.issuer == issuer && it.subject == subject)
    }

    fn check(&self, faults: &mut Checked) {
        let public = origin(&self.public_url);
        faults.want("publicUrl", public.is_some(), "must be an https origin (http: loopback)");
        faults.length("audience", &self.audience, 1, 200);
        faults.count("providers", self.providers.len(), 1, 5);
        for (index, provider) in self.providers.iter().enumerate() {
            let key = |name: &str| format!("providers/{index}/{name}");
            let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let id = &provider.id;
            let is_id = (2..=20).contains(&id.len()) && id.chars().all(is_slug);
            faults.want(key("id"), is_id, "must be 2 to 20 of a-z, 0-9 and -");
            let is_first = !self.providers[..index].iter().any(|other| other.id == *id);
            faults.want(key("id"), is_first, "must be unique");
            faults.length(key("displayName"), &provider.display_name, 1, 100);
            let is_issuer = provider.issuer.len() <= 255 && is_safe(&provider.issuer);
            faults.want(key("issuer"), is_issuer, "must be an https URL (http: loopback only)");
            faults.count(key("issuerAliases"), provider.issuer_aliases.len(), 0, 2);
            faults.length(key("clientId"), &provider.client_id, 1, 255);
            faults.length(key("clientSecretName"), &provider.client_secret_name, 1, 255);
            let asks = provider.scopes.split(' ').any(|scope| scope == "openid");
            faults.want(key("scopes"), asks, "must contain openid");
            faults.count(key("hostedDomains"), provider.hosted_domains.len(), 0, 20);
        }
        for (index, client) in self.clients.iter().enumerate() {
            let key = |name: &str| format!("clients/{index}/{name}");
            faults.length(key("id"), &client.id, 1, 50);
            faults.want(key("id"), client.id != "web", "must not be web");
            faults.length(key("displayName"), &client.display_name, 1, 100);
            faults.count(key("paths"), client.paths.len(), 1, 5);
            let are_paths = client.paths.iter().all(|path| path.starts_with('/'));
            faults.want(key("paths"), are_paths, "must begin with /");
        }
        faults.count("appOrigins", self.app_origins.len(), 0, 10);
        for (index, text) in self.app_origins.iter().enumerate() {
            let key = format!("appOrigins/{index}");
            match (origin(text), &public) {
                (None, _) => faults.want(key, false, "must be an https origin (http: loopback)"),
                (Some(app), Some(public)) => {
                    let detail = "must have the registrable domain of publicUrl";
                    faults.want(key, site(&app) == site(public), detail);
                }
                (Some(_), None) => {}
            }
        }
        let with_domains = self.sign_up == SignUp::Domains;
        let (least, most) = if with_domains { (1, 50) } else { (0, 50) };
        faults.count("signUpDomains", self.sign_up_domains.len(), least, most);
        faults.count("operators", self.operators.len(), 0, 20);
    }
}

#[derive(Default)]
struct Checked(Vec<Fault>);

impl Checked {
    fn want(&mut self, key: impl Into<String>, holds: bool, detail: &str) {
        if !holds {
            self.0.push(Fault::new(key, FaultCode::NotAllowed, detail));
        }
    }

    fn length(&mut self, key: impl Into<String>, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        let detail = format!("must have {least} to {most} characters");
        self.want(key, (least..=most).contains(&length), &detail);
    }

    fn count(&mut self, key: impl Into<String>, count: usize, least: usize, most: usize) {
        let detail = format!("must have {least} to {most} elements");
        self.want(key, (least..=most).contains(&count), &detail);
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// https, or http to this very machine.
pub fn is_safe(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_local = url.host().is_some_and(|host| is_loopback(&host));
    is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_local))
}

/// The URL, if the text is nothing but its origin.
fn origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| is_safe(text))?;
    (url.origin().ascii_serialization() == text).then_some(url)
}

/// What cookies of one page are sent to: the registrable domain by the public suffix list; all of
/// loopback is one. Below a public suffix itself every host stands alone.
fn site(url: &Url) -> String {
    match url.host() {
        Some(host) if is_loopback(&host) => "loopback".to_owned(),
        Some(Host::Domain(name)) => psl::domain_str(name).unwrap_or(name).to_owned(),
        Some(host) => host.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complete() -> Value {
        json!({
            "providers": [{
                "id": "google",
                "displayName": "Google",
                "issuer": "https://accounts.google.com",
                "issuerAliases": ["accounts.google.com"],
                "clientId": "client",
                "clientSecretName": "auth/providers/google",
            }],
            "appOrigins": ["https://app.example.org"],
        })
    }

    fn parse(value: &Value) -> Result<Settings, String> {
        let settings = Settings::parse(&value.to_string(), "https://api.example.org");
        settings.map_err(|bad| bad.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let settings = parse(&complete()).expect("proper settings");
        assert_eq!(settings.issuer(), "https://api.example.org/api/v1");
        assert_eq!(settings.audience, "millwright");
        assert_eq!(settings.providers[0].scopes, "openid email profile");
        assert_eq!(settings.client("cli").expect("a client").paths, ["/callback"]);
        assert_eq!(settings.sign_up, SignUp::Open);
        assert!(settings.is_secure());
    }

    #[test]
    fn a_bad_value_names_its_key() {
        let bad = [
            ("/publicUrl", json!("http://api.example.org"), "publicUrl"),
            ("/publicUrl", json!("https://api.example.org/path"), "publicUrl"),
            ("/audience", json!(""), "audience"),
            ("/providers", json!([]), "providers"),
            ("/providers/0/id", json!("Google"), "providers.0.id"),
            ("/providers/0/issuer", json!("http://accounts.google.com"), "providers.0.issuer"),
            ("/providers/0/scopes", json!("email"), "providers.0.scopes"),
            ("/providers/0/secret", json!("x"), "providers.0.secret"),
            ("/appOrigins", json!(["https://app.example.com"]), "appOrigins.0"),
            ("/appOrigins", json!(["http://app.example.org"]), "appOrigins.0"),
            ("/signUp", json!("never"), "signUp"),
            ("/signUp", json!("domains"), "signUpDomains"),
            (
                "/clients",
                json!([{"id": "web", "displayName": "W", "paths": ["/"]}]),
                "clients.0.id",
            ),
        ];
        for (pointer, value, key) in bad {
            let mut settings = complete();
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            settings.pointer_mut(parent).expect("there")[name] = value;
            let refused = parse(&settings).expect_err(pointer);
            assert!(refused.contains(&format!(" {key}: ")), "{pointer}: {refused}");
        }
    }

    #[test]
    fn pages_are_of_the_same_registrable_domain() {
        let mut settings = complete();
        for (public, app, fits) in [
            ("https://api.example.co.uk", "https://app.example.co.uk", true),
            ("https://api.example.co.uk", "https://app.other.co.uk", false),
            ("https://example.org", "https://a.b.example.org", true),
            ("https://one.github.io", "https://two.github.io", false),
            (
                "https://a.execute-api.eu-central-1.amazonaws.com",
                "https://b.execute-api.eu-central-1.amazonaws.com",
                false,
            ),
            ("https://192.0.2.1", "https://192.0.2.1:8443", true),
            ("https://192.0.2.1", "https://192.0.2.2", false),
        ] {
            settings["publicUrl"] = json!(public);
            settings["appOrigins"] = json!([app]);
            let parsed = parse(&settings);
            assert_eq!(parsed.is_ok(), fits, "{public} {app}: {parsed:?}");
            assert!(fits || parsed.expect_err(app).contains("appOrigins.0"));
        }
    }

    #[test]
    fn http_is_for_loopback() {
        let mut settings = complete();
        settings["publicUrl"] = json!("http://127.0.0.1:9000");
        settings["appOrigins"] = json!(["http://localhost:5173"]);
        settings["providers"][0]["issuer"] = json!("http://127.0.0.1:9100");
        assert!(!parse(&settings).expect("proper settings").is_secure());
    }
}
