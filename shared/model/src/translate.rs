//! What translation leaves out.

use std::collections::BTreeSet;

use crate::{
    anthropic,
    common::{Dialect, Message, Part, Request, Tool, Unfit},
    openai,
};

/// The fields of a request that a target of another dialect does not get, by the client's names.
#[derive(Debug)]
pub(crate) struct Drops<'a> {
    request: &'a Request,
    names: BTreeSet<String>,
}

impl<'a> Drops<'a> {
    /// Begins with the fields that the common form has no place for.
    pub(crate) fn of(request: &'a Request, target: Dialect) -> Drops<'a> {
        let source = request.original.dialect;
        let known = match source {
            Dialect::OpenAi => openai::KNOWN,
            Dialect::Anthropic => anthropic::KNOWN,
            Dialect::Ollama => &[],
        };
        let names = if source == target {
            BTreeSet::new()
        } else {
            let fields = request.original.body.iter();
            let unknown = fields.filter(|(name, value)| {
                // What says nothing is not lost.
                !known.contains(&name.as_str()) && !value.is_null()
            });
            unknown.map(|(name, _)| name.clone()).collect()
        };
        Drops { request, names }
    }

    pub(crate) fn lose(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// Whichever of these the client used.
    pub(crate) fn lose_said(&mut self, names: &[&str]) {
        let said = names.iter().filter(|name| self.request.original.body.contains_key(**name));
        let said: Vec<String> = said.map(|name| (*name).to_owned()).collect();
        self.names.extend(said);
    }

    pub(crate) fn named(self) -> Vec<String> {
        self.names.into_iter().collect()
    }

    /// Parts and tools that only another dialect knows: without them the request means something
    /// else.
    pub(crate) fn refuse_foreign(&self, target: Dialect) -> Result<(), Unfit> {
        for (index, message) in self.request.messages.iter().enumerate() {
            if let Some(kind) = foreign_part(message, target) {
                return Err(Unfit::missing(format!("messages[{index}]"), kind));
            }
        }
        for (index, tool) in self.request.tools.iter().enumerate() {
            if let Tool::Other { dialect, value } = tool
                && *dialect != target
            {
                return Err(Unfit::missing(format!("tools[{index}]"), kind_of(value)));
            }
        }
        Ok(())
    }
}

fn foreign_part(message: &Message, target: Dialect) -> Option<String> {
    fn find(parts: &[Part], target: Dialect) -> Option<String> {
        parts.iter().find_map(|part| match part {
            Part::Other { dialect, value } if *dialect != target => Some(kind_of(value)),
            Part::ToolResult { content, .. } => find(content, target),
            _ => None,
        })
    }
    find(&message.parts, target)
}

fn kind_of(value: &serde_json::Value) -> String {
    let kind = value.get("type").or_else(|| value.get("name"));
    kind.and_then(serde_json::Value::as_str).unwrap_or("unknown").chars().take(64).collect()
}
