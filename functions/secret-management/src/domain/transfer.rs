//! Secrets from and to files.

use millwright_core::{Timestamp, wire_enum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Description, Metadata, Plaintext, Secret, SecretName, SecretType, Tags, read_dotenv};

wire_enum! {
    /// How a file is written.
    pub enum ImportFormat {
        Dotenv = "dotenv",
        Json = "json",
    }
}

/// The most entries of a file.
pub const MAX_ENTRIES: usize = 500;

/// What `format` says in files of ours.
pub const EXPORT_FORMAT: &str = "millwright.secrets/1";

/// A secret in a file.
pub struct Entry {
    /// In a file of lines.
    pub line: Option<usize>,
    /// As the file has it.
    pub key: String,
    /// None: by the kind of the import.
    pub kind: Option<SecretType>,
    pub value: Plaintext,
    pub description: Description,
    pub tags: Tags,
    pub metadata: Metadata,
    pub expires_at: Option<Timestamp>,
}

/// Something wrong with a file: names line and key, never what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    pub line: Option<usize>,
    pub key: Option<String>,
    pub detail: String,
}

impl FileFault {
    pub fn of(entry: &Entry, detail: impl Into<String>) -> FileFault {
        FileFault { line: entry.line, key: Some(entry.key.clone()), detail: detail.into() }
    }

    fn whole(detail: &str) -> FileFault {
        FileFault { line: None, key: None, detail: detail.to_owned() }
    }

    pub fn text(&self) -> String {
        let line = self.line.map(|line| format!("line {line}, ")).unwrap_or_default();
        let key = self.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
        format!("{line}{key}{}", self.detail)
    }
}

/// A secret in a file of ours.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedSecret {
    #[schema(inline)]
    pub name: SecretName,
    #[serde(rename = "type")]
    pub kind: SecretType,
    #[serde(default)]
    #[schema(inline)]
    pub description: Description,
    #[serde(default)]
    #[schema(inline)]
    pub tags: Tags,
    #[serde(default)]
    #[schema(inline)]
    pub metadata: Metadata,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Null without values.
    #[serde(default)]
    pub value: Option<Value>,
}

impl ExportedSecret {
    pub fn of(secret: &Secret, value: Option<Value>) -> ExportedSecret {
        ExportedSecret {
            name: secret.name.clone(),
            kind: secret.kind,
            description: secret.description.clone(),
            tags: secret.tags.clone(),
            metadata: secret.metadata.clone(),
            expires_at: secret.expires_at,
            value,
        }
    }
}

fn text_entry(line: Option<usize>, key: String, value: &str) -> Entry {
    Entry {
        line,
        key,
        kind: None,
        value: Plaintext::new(Value::from(value)),
        description: Description::default(),
        tags: Tags::default(),
        metadata: Metadata::default(),
        expires_at: None,
    }
}

/// Reads a file; values of entries without a kind are texts.
pub fn read_file(format: ImportFormat, text: &str) -> (Vec<Entry>, Vec<FileFault>) {
    let (entries, mut faults) = match format {
        ImportFormat::Dotenv => {
            let (variables, bad) = read_dotenv(text);
            let entry = |v: super::Variable| text_entry(Some(v.line), v.key, &v.value);
            let fault = |bad: super::BadLine| FileFault {
                line: Some(bad.line),
                key: None,
                detail: bad.detail.to_owned(),
            };
            (variables.into_iter().map(entry).collect(), bad.into_iter().map(fault).collect())
        }
        ImportFormat::Json => read_json(text),
    };
    if entries.len() > MAX_ENTRIES {
        let detail = format!("has more than {MAX_ENTRIES} entries");
        return (Vec::new(), vec![FileFault::whole(&detail)]);
    }
    let mut seen = std::collections::HashSet::new();
    for entry in &entries {
        if !seen.insert(entry.key.as_str()) {
            faults.push(FileFault::of(entry, "is there twice"));
        }
    }
    (entries, faults)
}

/// An object of texts, or a file of ours. A duplicate member of an object is seen, too.
fn read_json(text: &str) -> (Vec<Entry>, Vec<FileFault>) {
    let Ok(object) = serde_json::from_str::<Members>(text) else {
        return (Vec::new(), vec![FileFault::whole("must be a JSON object")]);
    };
    let is_ours = object
        .0
        .iter()
        .any(|(key, value)| key == "format" && value.expose().as_str() == Some(EXPORT_FORMAT));
    if is_ours {
        let secrets = object.0.into_iter().find(|(key, _)| key == "secrets");
        return read_ours(secrets.map(|(_, value)| value));
    }
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for (key, value) in object.0 {
        match value.expose().as_str() {
            Some(text) => entries.push(text_entry(None, key, text)),
            None => {
                let detail = "must be a string".to_owned();
                faults.push(FileFault { line: None, key: Some(key), detail });
            }
        }
    }
    (entries, faults)
}

fn read_ours(secrets: Option<Plaintext>) -> (Vec<Entry>, Vec<FileFault>) {
    let secrets = secrets.unwrap_or_else(|| Plaintext::new(Value::Null));
    let Some(list) = secrets.expose().as_array() else {
        return (Vec::new(), vec![FileFault::whole("must have a list of secrets")]);
    };
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for (index, one) in list.iter().enumerate() {
        let fault = |key: Option<String>, detail: &str| FileFault {
            line: None,
            key: key.or(Some(format!("secrets/{index}"))),
            detail: detail.to_owned(),
        };
        let Ok(read) = ExportedSecret::deserialize(one) else {
            faults.push(fault(None, "is not a secret as exports have it"));
            continue;
        };
        let key = read.name.to_string();
        if key.parse::<SecretName>().is_err() || read.metadata.0.len() > 20 {
            faults.push(fault(None, "is not a secret as exports have it"));
            continue;
        }
        match read.value {
            None | Some(Value::Null) => faults.push(fault(Some(key), "has no value")),
            Some(value) => entries.push(Entry {
                line: None,
                key,
                kind: Some(read.kind),
                value: Plaintext::new(value),
                description: read.description,
                tags: read.tags,
                metadata: read.metadata,
                expires_at: read.expires_at,
            }),
        }
    }
    (entries, faults)
}

/// The members of an object in their order, also those that are there twice.
struct Members(Vec<(String, Plaintext)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    members.push((key, Plaintext::new(value)));
                    if members.len() > MAX_ENTRIES + 1 {
                        break;
                    }
                }
                // What is left is more than any file may have.
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}
