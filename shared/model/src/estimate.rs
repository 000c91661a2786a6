//! How many tokens a text has, where nobody counted.

use crate::common::{Part, Request};

/// Counts the tokens of texts.
pub trait Tokenizer {
    /// The tokens of a text.
    fn count(&self, text: &str) -> u64;

    /// For `method` of estimates.
    fn name(&self) -> &'static str;
}

/// A token for every three bytes of UTF-8, begun ones too: more than the tokenizers in use make of
/// prose, code and JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByBytes;

impl Tokenizer for ByBytes {
    fn count(&self, text: &str) -> u64 {
        u64::try_from(text.len().div_ceil(3)).unwrap_or(u64::MAX)
    }

    fn name(&self) -> &'static str {
        "bytes"
    }
}

/// Tokens of an image, whatever its size.
pub const IMAGE_TOKENS: u64 = 1_600;

/// The input of a request: all its texts together, its tools and its schema included, and its
/// images.
#[must_use]
pub fn input_tokens(request: &Request, tokenizer: &dyn Tokenizer) -> u64 {
    let mut text = String::new();
    request.texts(|piece| text.push_str(piece));
    let images = request.images().saturating_mul(IMAGE_TOKENS);
    tokenizer.count(&text).saturating_add(images)
}

/// The output that was received, for the bill of a stream that broke: at least 1 if anything was.
#[must_use]
pub fn output_tokens(parts: &[Part], tokenizer: &dyn Tokenizer) -> u64 {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text { text: piece, .. }
            | Part::Reasoning { text: piece, .. }
            | Part::Refusal { text: piece } => text.push_str(piece),
            Part::ToolCall { name, arguments, .. } => {
                text.push_str(name);
                text.push_str(arguments);
            }
            Part::RedactedReasoning { data } => text.push_str(data),
            Part::Image(_) | Part::ToolResult { .. } | Part::Other { .. } => {}
        }
    }
    let counted = tokenizer.count(&text);
    if text.is_empty() { counted } else { counted.max(1) }
}
