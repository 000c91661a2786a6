//! Dialects, streams, prices, as tables and properties.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod anthropic;
mod catalogue;
mod fit;
mod ollama;
mod openai;
mod price;
mod properties;
mod requests;
mod streams;
mod surface;

use millwright_model::{Capabilities, Capability, Target};
use serde_json::Value;

/// A model that can do everything there is in chats.
fn able() -> Capabilities {
    Capability::ALL.iter().copied().filter(|each| *each != Capability::Embedding).collect()
}

fn without(capability: Capability) -> Capabilities {
    let mut all = able();
    all.remove(&capability);
    all
}

fn target(capabilities: &Capabilities) -> Target<'_> {
    Target { model: "upstream", capabilities, max_output_tokens: 4_096 }
}

/// What an object has at a path like `messages/0/role`.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(&format!("/{path}")).unwrap_or(&Value::Null)
}
