//! Values, and the shape each type of secret gives them.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_core::{Error, Fault, FaultCode, Result, Timestamp, codes, wire_enum};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Plaintext, certificate::check_certificate, key_pair::check_key_pair};

wire_enum! {
    /// What a secret is.
    pub enum SecretType {
        ApiKey = "api_key",
        Oauth2Token = "oauth2_token",
        UsernamePassword = "username_password",
        Certificate = "certificate",
        SshKey = "ssh_key",
        ConnectionString = "connection_string",
        JsonCredential = "json_credential",
        EnvVariableSet = "env_variable_set",
        Generic = "generic",
    }
}

impl SecretType {
    /// The one member that can be generated.
    pub fn generated_member(self) -> Option<&'static str> {
        match self {
            SecretType::ApiKey => Some("key"),
            SecretType::UsernamePassword => Some("password"),
            SecretType::SshKey => Some("privateKey"),
            SecretType::Generic => Some("value"),
            _ => None,
        }
    }
}

/// The largest value, as compact JSON.
pub const MAX_VALUE_BYTES: usize = 65_536;
/// The longest text within a value unless its type says otherwise, in characters.
const MAX_TEXT: usize = 16_384;

/// What may be known of a value by who may not know the value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Certificates: whom it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Further names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sans: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// SSH keys: `rsa`, `ed25519` or `ecdsa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_type: Option<String>,
    /// Of the public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Sets of variables: what they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

/// What may be known of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub facts: Facts,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The last four characters of a long API key.
    pub hint: Option<String>,
}

/// A value that has its shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub known: Known,
    pub bytes: usize,
}

/// Where the members of a value are, and what is wrong with them. Faults name places, never what
/// stands there.
pub(super) struct Members<'v> {
    value: &'v Map<String, Value>,
    known: Vec<&'static str>,
    pub(super) faults: Vec<Fault>,
}

const PLACE: &str = "/value";

impl<'v> Members<'v> {
    pub(super) fn fault(&mut self, member: &str, code: FaultCode, detail: &str) {
        let place = if member.is_empty() { PLACE.to_owned() } else { format!("{PLACE}/{member}") };
        self.faults.push(Fault::new(place, code, detail));
    }

    fn get(&mut self, name: &'static str, required: bool) -> Option<&'v Value> {
        self.known.push(name);
        let found = self.value.get(name).filter(|value| !value.is_null());
        if found.is_none() && required {
            self.fault(name, FaultCode::Required, "is required");
        }
        found
    }

    /// A text of so many characters.
    fn sized(
        &mut self,
        name: &'static str,
        required: bool,
        min: usize,
        max: usize,
    ) -> Option<&'v str> {
        let value = self.get(name, required)?;
        let Some(text) = value.as_str() else {
            self.fault(name, FaultCode::WrongType, "must be a string");
            return None;
        };
        let length = text.chars().count();
        if length < min {
            self.fault(name, FaultCode::TooShort, &format!("must have at least {min} characters"));
            return None;
        }
        if length > max {
            self.fault(name, FaultCode::TooLong, &format!("must have at most {max} characters"));
            return None;
        }
        Some(text)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<&'v str> {
        self.sized(name, true, 1, MAX_TEXT)
    }

    pub(super) fn optional(&mut self, name: &'static str) -> Option<&'v str> {
        self.sized(name, false, 1, MAX_TEXT)
    }
}

/// Checks a value against the shape of its type.
///
/// # Errors
/// `invalid_value_shape` with all faults, none of which quotes the value; `too_large`.
pub fn check_value(kind: SecretType, value: &Plaintext, shape: codes_of::Shape) -> Result<Checked> {
    let Value::Object(object) = value.expose() else {
        let fault = Fault::new(PLACE, FaultCode::WrongType, "must be an object");
        return Err(shape(vec![fault]));
    };
    let bytes = value.to_bytes().len();
    if bytes > MAX_VALUE_BYTES {
        let detail = format!("a value has at most {MAX_VALUE_BYTES} bytes as JSON");
        return Err(Error::new(codes::TOO_LARGE, detail));
    }
    let mut members = Members { value: object, known: Vec::new(), faults: Vec::new() };
    let mut checked = Checked { bytes, ..Checked::default() };
    match kind {
        SecretType::ApiKey => api_key(&mut members, &mut checked),
        SecretType::Oauth2Token => oauth2_token(&mut members, &mut checked),
        SecretType::UsernamePassword => username_password(&mut members),
        SecretType::Certificate => check_certificate(&mut members, &mut checked),
        SecretType::SshKey => check_key_pair(&mut members, &mut checked),
        SecretType::ConnectionString => connection_string(&mut members),
        SecretType::JsonCredential => json_credential(&mut members),
        SecretType::EnvVariableSet => variables(&mut members, &mut checked),
        SecretType::Generic => generic(&mut members),
    }
    let known = &members.known;
    if object.keys().any(|name| !known.contains(&name.as_str())) {
        let detail = format!("has members that {kind} does not know; known: {}", known.join(", "));
        members.fault("", FaultCode::UnknownField, &detail);
    }
    if members.faults.is_empty() { Ok(checked) } else { Err(shape(members.faults)) }
}

/// How faults become an error of this service.
pub mod codes_of {
    use millwright_core::{Error, Fault};

    pub type Shape = fn(Vec<Fault>) -> Error;
}

fn api_key(members: &mut Members<'_>, checked: &mut Checked) {
    let Some(key) = members.text("key") else { return };
    if key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let detail = "must not contain white space or control characters";
        members.fault("key", FaultCode::BadFormat, detail);
    }
    let characters: Vec<char> = key.chars().collect();
    if characters.len() >= 20 {
        checked.known.hint = Some(characters[characters.len() - 4..].iter().collect());
    }
}

fn oauth2_token(members: &mut Members<'_>, checked: &mut Checked) {
    members.text("accessToken");
    members.optional("refreshToken");
    members.optional("tokenType");
    members.optional("scope");
    let Some(text) = members.optional("expiresAt") else { return };
    match text.parse() {
        Ok(end) => checked.known.expires_at = Some(end),
        Err(_) => members.fault("expiresAt", FaultCode::BadFormat, "must be an RFC 3339 time"),
    }
}

/// Where a user and a password may be for.
const LOGIN_SCHEMES: [&str; 18] = [
    "https",
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "redis",
    "rediss",
    "sqlserver",
    "mssql",
    "oracle",
    "amqp",
    "amqps",
    "clickhouse",
    "cassandra",
    "ldaps",
    "snowflake",
];

fn username_password(members: &mut Members<'_>) {
    members.sized("username", true, 1, 256);
    members.text("password");
    let Some(address) = members.optional("url") else { return };
    let scheme = uri_scheme(address).map(str::to_ascii_lowercase);
    if !scheme.is_some_and(|scheme| LOGIN_SCHEMES.contains(&scheme.as_str())) {
        let detail = "must be a URL of https or of a database";
        members.fault("url", FaultCode::BadFormat, detail);
    }
}

/// The scheme of a URI with a host.
fn uri_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let starts = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    (starts && scheme.bytes().all(letters) && !host.is_empty() && clean).then_some(scheme)
}

fn connection_string(members: &mut Members<'_>) {
    let Some(text) = members.text("connectionString") else { return };
    let is_pair = |part: &str| part.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty());
    let mut parts = text.split(';').map(str::trim).filter(|part| !part.is_empty()).peekable();
    let is_list = parts.peek().is_some() && parts.all(is_pair);
    if uri_scheme(text).is_none() && !is_list {
        let detail = "must be a URI with scheme and host, or key=value pairs separated by ;";
        members.fault("connectionString", FaultCode::BadFormat, detail);
    }
}

fn json_credential(members: &mut Members<'_>) {
    let Some(credential) = members.get("credential", true) else { return };
    if !credential.is_object() {
        members.fault("credential", FaultCode::WrongType, "must be an object");
    } else if depth(credential) > 16 {
        let detail = "must not be nested deeper than 16 levels";
        members.fault("credential", FaultCode::TooLarge, detail);
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn variables(members: &mut Members<'_>, checked: &mut Checked) {
    let Some(given) = members.get("variables", true) else { return };
    let Some(map) = given.as_object() else {
        members.fault("variables", FaultCode::WrongType, "must be an object");
        return;
    };
    if map.is_empty() || map.len() > 200 {
        members.fault("variables", FaultCode::TooLong, "must have 1 to 200 variables");
    }
    if !map.keys().all(|name| is_variable(name)) {
        let detail = "every name must match ^[A-Za-z_][A-Za-z0-9_]*$";
        members.fault("variables", FaultCode::BadFormat, detail);
    }
    let fits = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= 32_768);
    if !map.values().all(fits) {
        let detail = "every value must be a string of at most 32768 characters";
        members.fault("variables", FaultCode::WrongType, detail);
    }
    let names: BTreeMap<&String, ()> = map.keys().map(|name| (name, ())).collect();
    checked.known.facts.names = Some(names.into_keys().cloned().collect());
}

/// True for what a shell takes as the name of a variable.
pub fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn generic(members: &mut Members<'_>) {
    let value = members.sized("value", true, 0, MAX_TEXT);
    match members.optional("encoding") {
        None | Some("text") => {}
        Some("base64") => {
            if value.is_some_and(|text| STANDARD.decode(text).is_err()) {
                members.fault("value", FaultCode::BadFormat, "is not base64, as encoding says");
            }
        }
        Some(_) => {
            members.fault("encoding", FaultCode::NotAllowed, "must be one of text, base64");
        }
    }
}

#[cfg(test)]
mod tests {
    use millwright_core::Faults;
    use serde_json::json;

    use super::*;

    fn shape(faults: Vec<Fault>) -> Error {
        Faults(faults).into()
    }

    fn check(kind: SecretType, value: Value) -> Result<Checked> {
        check_value(kind, &Plaintext::new(value), shape)
    }

    #[test]
    fn each_type_has_its_shape() {
        for (kind, value) in [
            (SecretType::ApiKey, json!({ "key": "sk-1" })),
            (
                SecretType::Oauth2Token,
                json!({ "accessToken": "a", "expiresAt": "2030-01-01T00:00:00Z" }),
            ),
            (
                SecretType::UsernamePassword,
                json!({ "username": "u", "password": "p", "url": "postgres://db/x" }),
            ),
            (SecretType::ConnectionString, json!({ "connectionString": "mongodb://a:1,b:2/x" })),
            (SecretType::ConnectionString, json!({ "connectionString": "Server=db;Password=x;" })),
            (SecretType::JsonCredential, json!({ "credential": { "a": [1, { "b": null }] } })),
            (SecretType::EnvVariableSet, json!({ "variables": { "A": "", "_b": "x" } })),
            (SecretType::Generic, json!({ "value": "" })),
            (SecretType::Generic, json!({ "value": "aGk=", "encoding": "base64" })),
        ] {
            assert!(check(kind, value).is_ok(), "{kind}");
        }
    }

    #[test]
    fn faults_come_all_at_once_and_quote_nothing() {
        let hidden = "h1dden-canary";
        for (kind, value, count) in [
            (SecretType::ApiKey, json!({ "key": format!("{hidden} x"), hidden: 1 }), 2),
            (SecretType::UsernamePassword, json!({ "password": [hidden], "url": hidden }), 3),
            (SecretType::Certificate, json!({ "certificate": hidden }), 1),
            (SecretType::SshKey, json!({ "privateKey": hidden }), 1),
            (SecretType::ConnectionString, json!({ "connectionString": hidden }), 1),
            (SecretType::JsonCredential, json!({ "credential": hidden }), 1),
            (SecretType::EnvVariableSet, json!({ "variables": { "a-h1dden-canary": 5 } }), 2),
            (SecretType::Generic, json!({ "value": hidden, "encoding": "base64" }), 1),
            (SecretType::Generic, json!({ "value": hidden, "encoding": hidden }), 1),
            (SecretType::Oauth2Token, json!({ "accessToken": "a", "expiresAt": hidden }), 1),
        ] {
            let error = check(kind, value).expect_err("wrong");
            assert_eq!(error.faults().len(), count, "{kind}: {error:?}");
            assert!(!format!("{error:?} {error}").contains(hidden), "{kind}: {error:?}");
        }
    }

    #[test]
    fn only_long_keys_leave_a_hint() {
        let hint = |key: &str| check(SecretType::ApiKey, json!({ "key": key })).unwrap().known.hint;
        assert_eq!(hint("sk-0123456789abcdefgh"), Some("efgh".to_owned()));
        assert_eq!(hint("short"), None);
    }
}
