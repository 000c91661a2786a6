//! Requests.

use serde_json::{Map, Value};

use super::{Capabilities, Capability, Dialect, Unfit};

/// A request, understood. What this form has no place for is still in [`Original`].
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model string of the client; empty if it named none.
    pub model: String,
    /// System prompts too, as messages, wherever the dialect has them.
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    /// False: one tool call at a time.
    pub parallel_tool_calls: Option<bool>,
    pub format: Format,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub seed: Option<i64>,
    pub stop: Vec<String>,
    /// How many answers, at least 1.
    pub n: u64,
    pub logprobs: bool,
    /// `none` to `max`, in OpenAI's words.
    pub reasoning_effort: Option<String>,
    /// Anthropic: tokens for thinking, of the output.
    pub reasoning_budget: Option<u64>,
    pub max_output_tokens: Option<u64>,
    pub stream: bool,
    /// OpenAI's client wants the usage at the end of the stream. Always true of Anthropic's.
    pub include_usage: bool,
    /// The client's name for its user.
    pub user: Option<String>,
    /// The object `millwright`, not for providers.
    pub extension: Option<Value>,
    pub original: Original,
}

/// The request as it came. To a provider of the same dialect it goes, patched and not built anew:
/// so fields that nobody here knows, the order of parts, and markers of caches arrive untouched,
/// and a field that a vendor adds tomorrow works tomorrow.
#[derive(Clone, Debug, PartialEq)]
pub struct Original {
    pub dialect: Dialect,
    pub body: Map<String, Value>,
}

/// Whether a prompt by reference goes before the messages, of which there may be none then.
pub(crate) fn begins_with_prompt(extension: Option<&Value>) -> bool {
    extension.and_then(|it| it.get("prompt")).is_some_and(|prompt| !prompt.is_null())
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub role: Role,
    /// OpenAI: who of several.
    pub name: Option<String>,
    pub parts: Vec<Part>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Also OpenAI's `developer`.
    System,
    /// Also what tools say: their results are parts.
    User,
    Assistant,
}

/// A part of a message or of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text {
        text: String,
        /// Anthropic's marker of a place up to which to cache.
        cache: Option<Value>,
    },
    Image(Image),
    ToolCall {
        id: String,
        name: String,
        /// JSON, as the model wrote it: not always valid.
        arguments: String,
    },
    ToolResult {
        /// Of the call it answers.
        id: String,
        content: Vec<Part>,
        is_error: bool,
    },
    Reasoning {
        text: String,
        /// What proves to the provider that it is its own.
        signature: Option<String>,
    },
    RedactedReasoning {
        data: String,
    },
    Refusal {
        text: String,
    },
    /// What only its dialect knows: audio, files, documents, tools that the provider runs.
    Other {
        dialect: Dialect,
        value: Value,
    },
}

impl Part {
    /// A text without a marker.
    pub fn of(text: impl Into<String>) -> Part {
        Part::Text { text: text.into(), cache: None }
    }

    /// The text of a text or of a refusal.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Part::Text { text, .. } | Part::Refusal { text } => Some(text),
            _ => None,
        }
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// For the provider to fetch; nobody here does.
    Url { url: String },
    /// Base64, not decoded here.
    Data { mime: String, base64: String },
}

impl Image {
    /// A URL or a data URL.
    #[must_use]
    pub fn of_url(url: &str) -> Image {
        let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        match data {
            Some((mime, base64)) => Image::Data { mime: mime.into(), base64: base64.into() },
            None => Image::Url { url: url.into() },
        }
    }

    /// As one URL.
    #[must_use]
    pub fn to_url(&self) -> String {
        match self {
            Image::Url { url } => url.clone(),
            Image::Data { mime, base64 } => format!("data:{mime};base64,{base64}"),
        }
    }
}

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    Function {
        name: String,
        description: Option<String>,
        /// JSON Schema of the arguments.
        parameters: Value,
        strict: Option<bool>,
        /// Anthropic's marker.
        cache: Option<Value>,
    },
    /// What only its dialect knows.
    Other { dialect: Dialect, value: Value },
}

/// Whether a tool is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Any of them.
    Required,
    /// This one.
    Named(String),
}

/// What the text of the answer must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Format {
    #[default]
    Text,
    JsonObject,
    JsonSchema {
        name: String,
        description: Option<String>,
        schema: Value,
        strict: Option<bool>,
    },
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The upstream's name of the model.
    pub model: &'a str,
    pub capabilities: &'a Capabilities,
    /// The model's maximum: for dialects that demand one, where the request names none.
    pub max_output_tokens: u64,
}

/// A request as it goes out.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    pub body: Value,
    /// Fields that the target has no word for, for `X-Millwright-Dropped`; sorted.
    pub dropped: Vec<String>,
    /// The JSON of the answer comes as the arguments of a tool:
    /// [`Answer::unwrapped`](super::Answer::unwrapped), [`Unwrap`](super::Unwrap), and nothing of
    /// the stream may be relayed as it is.
    pub forced_tool: bool,
}

impl Request {
    /// What a model must be able to do. Routing also asks for what may be dropped (reasoning).
    #[must_use]
    pub fn needs(&self) -> Capabilities {
        let mut needs = Capabilities::from([Capability::Chat]);
        if self.stream {
            needs.insert(Capability::Streaming);
        }
        if self.uses_tools() {
            needs.insert(Capability::Tools);
        }
        if self.image_param().is_some() {
            needs.insert(Capability::Vision);
        }
        match &self.format {
            Format::Text => {}
            Format::JsonObject => drop(needs.insert(Capability::JsonObject)),
            Format::JsonSchema { .. } => drop(needs.insert(Capability::JsonSchema)),
        }
        if self.reasoning_budget.is_some()
            || self.reasoning_effort.as_deref().is_some_and(|effort| effort != "none")
        {
            needs.insert(Capability::Reasoning);
        }
        if self.marks_cache() {
            needs.insert(Capability::PromptCache);
        }
        needs
    }

    /// Whether a model gets the meaning: tools, images, the schema. A schema also fits a model that
    /// can be made to call a tool.
    ///
    /// # Errors
    ///
    /// [`Unfit`] names the field.
    pub fn fits(&self, capabilities: &Capabilities) -> Result<(), Unfit> {
        let can = |capability| capabilities.contains(&capability);
        if !self.tools.is_empty() && !can(Capability::Tools) {
            return Err(Unfit::capability("tools", Capability::Tools));
        }
        if let Some(param) = self.image_param()
            && !can(Capability::Vision)
        {
            return Err(Unfit::capability(param, Capability::Vision));
        }
        if matches!(self.format, Format::JsonSchema { .. })
            && !can(Capability::JsonSchema)
            && !(can(Capability::Tools) && self.tools.is_empty())
        {
            return Err(Unfit::capability("response_format", Capability::JsonSchema));
        }
        Ok(())
    }

    /// Whether the JSON must come by a tool, given what the model and its dialect can.
    pub(crate) fn forces_tool(&self, native: bool, capabilities: &Capabilities) -> bool {
        self.tools.is_empty()
            && capabilities.contains(&Capability::Tools)
            && !native
            && self.format != Format::Text
    }

    /// The schema that the forced tool's arguments have.
    pub(crate) fn forced_schema(&self) -> Value {
        match &self.format {
            Format::JsonSchema { schema, .. } => schema.clone(),
            _ => serde_json::json!({"type": "object", "additionalProperties": true}),
        }
    }

    /// All images, for estimates.
    #[must_use]
    pub fn images(&self) -> u64 {
        let count = |parts: &[Part]| parts.iter().map(images_of).sum::<u64>();
        self.messages.iter().map(|message| count(&message.parts)).sum()
    }

    /// Every text that a model reads, one after the other: messages, calls, results, tools, schema.
    pub fn texts(&self, mut take: impl FnMut(&str)) {
        for message in &self.messages {
            message.parts.iter().for_each(|part| texts_of(part, &mut take));
        }
        for tool in &self.tools {
            match tool {
                Tool::Function { name, description, parameters, .. } => {
                    take(name);
                    description.iter().for_each(|text| take(text));
                    take(&parameters.to_string());
                }
                Tool::Other { value, .. } => take(&value.to_string()),
            }
        }
        if let Format::JsonSchema { schema, .. } = &self.format {
            take(&schema.to_string());
        }
    }

    fn uses_tools(&self) -> bool {
        !self.tools.is_empty()
    }

    fn image_param(&self) -> Option<String> {
        self.messages.iter().enumerate().find_map(|(index, message)| {
            let has = message.parts.iter().any(|part| images_of(part) > 0);
            has.then(|| format!("messages[{index}]"))
        })
    }

    fn marks_cache(&self) -> bool {
        let marks = |part: &Part| matches!(part, Part::Text { cache: Some(_), .. });
        self.messages.iter().flat_map(|message| &message.parts).any(marks)
            || self.tools.iter().any(|tool| matches!(tool, Tool::Function { cache: Some(_), .. }))
    }
}

fn images_of(part: &Part) -> u64 {
    match part {
        Part::Image(_) => 1,
        Part::ToolResult { content, .. } => content.iter().map(images_of).sum(),
        _ => 0,
    }
}

fn texts_of(part: &Part, take: &mut impl FnMut(&str)) {
    match part {
        Part::Text { text, .. } | Part::Reasoning { text, .. } | Part::Refusal { text } => {
            take(text);
        }
        Part::ToolCall { name, arguments, .. } => {
            take(name);
            take(arguments);
        }
        Part::ToolResult { content, .. } => {
            for part in content {
                if let Some(text) = part.text() {
                    take(text);
                }
            }
        }
        Part::Image(_) => {}
        Part::RedactedReasoning { data } => take(data),
        Part::Other { value, .. } => take(&value.to_string()),
    }
}
