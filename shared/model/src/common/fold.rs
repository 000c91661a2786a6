//! From events to the whole answer.

use std::collections::BTreeMap;

use super::{Answer, Choice, Event, Part, UpstreamError, Usage};

/// How many answers, and tool calls of one answer, a stream may have. A number from outside decides
/// which one an event is about.
const MOST: usize = 1_000;

/// Collects the events of a stream: for the log, the cache, and the bill of a stream that broke.
#[derive(Debug, Default)]
pub struct Fold {
    id: String,
    model: String,
    choices: BTreeMap<usize, Building>,
    usage: Option<Usage>,
    error: Option<UpstreamError>,
}

#[derive(Debug, Default)]
struct Building {
    choice: Choice,
    /// Where in the parts the calls are.
    calls: BTreeMap<usize, usize>,
}

impl Fold {
    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            Event::Text { choice, text } => {
                self.push(*choice, Part::Text { text: text.clone(), cache: None });
            }
            Event::Refusal { choice, text } => {
                self.push(*choice, Part::Refusal { text: text.clone() });
            }
            Event::Reasoning { choice, text } => {
                self.push(*choice, Part::Reasoning { text: text.clone(), signature: None });
            }
            Event::ReasoningSignature { choice, signature } => {
                let part =
                    Part::Reasoning { text: String::new(), signature: Some(signature.clone()) };
                self.push(*choice, part);
            }
            Event::RedactedReasoning { choice, data } => {
                self.push(*choice, Part::RedactedReasoning { data: data.clone() });
            }
            Event::ToolStart { choice, call, id, name } if *call < MOST => {
                let Some(building) = self.building(*choice) else { return };
                building.calls.insert(*call, building.choice.parts.len());
                let (id, name) = (id.clone(), name.clone());
                building.choice.push(Part::ToolCall { id, name, arguments: String::new() });
            }
            Event::ToolStart { .. } => {}
            Event::ToolArguments { choice, call, json } => {
                let Some(building) = self.building(*choice) else { return };
                let place = building.calls.get(call).copied();
                let part = place.and_then(|place| building.choice.parts.get_mut(place));
                if let Some(Part::ToolCall { arguments, .. }) = part {
                    arguments.push_str(json);
                }
            }
            Event::Finish { choice, finish } => {
                if let Some(building) = self.building(*choice) {
                    building.choice.finish = Some(finish.clone());
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error(error) => self.error = Some(error.clone()),
            Event::End => {}
        }
    }

    /// True if every answer said why it ended: without, the stream is a failure.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.choices.is_empty()
            && self.choices.values().all(|building| building.choice.finish.is_some())
    }

    /// What the upstream gave up with.
    #[must_use]
    pub fn error(&self) -> Option<&UpstreamError> {
        self.error.as_ref()
    }

    /// What there is until now.
    #[must_use]
    pub fn answer(self) -> Answer {
        let choices = self.choices.into_values().map(|building| building.choice).collect();
        Answer { id: self.id, model: self.model, choices, usage: self.usage, original: None }
    }

    fn building(&mut self, choice: usize) -> Option<&mut Building> {
        (choice < MOST).then(|| self.choices.entry(choice).or_default())
    }

    fn push(&mut self, choice: usize, part: Part) {
        if let Some(building) = self.building(choice) {
            building.choice.push(part);
        }
    }
}
