//! JSON from models that have no response format: a tool they must call, whose arguments are the
//! answer.

use super::{Answer, Event, Finish, Part};

/// The name of the tool.
pub const FORCED_TOOL: &str = "structured_answer";

impl Answer {
    /// Makes the forced tool's arguments the text they stand for. For a request that was
    /// [`forced`](super::Translated::forced_tool).
    #[must_use]
    pub fn unwrapped(mut self) -> Answer {
        for choice in &mut self.choices {
            let is_forced =
                |part: &Part| matches!(part, Part::ToolCall { name, .. } if name == FORCED_TOOL);
            if !choice.parts.iter().any(is_forced) {
                continue;
            }
            // What the model said beside the JSON would make it unreadable.
            choice.parts.retain(|part| !matches!(part, Part::Text { .. }));
            let mut first = true;
            choice.parts.retain_mut(|part| match part {
                Part::ToolCall { name, arguments, .. } if name == FORCED_TOOL => {
                    let text = std::mem::take(arguments);
                    *part = Part::Text { text, cache: None };
                    std::mem::take(&mut first)
                }
                Part::ToolCall { .. } => false,
                _ => true,
            });
            if choice.finish == Some(Finish::ToolCalls) {
                choice.finish = Some(Finish::Stop);
            }
        }
        self.original = None;
        self
    }
}

/// The same for the events of a stream, one by one.
#[derive(Debug, Default)]
pub struct Unwrap {
    calls: Vec<(usize, usize)>,
}

impl Unwrap {
    /// The event as the client sees it, if it sees it.
    pub fn event(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::ToolStart { choice, call, name, .. } if name == FORCED_TOOL => {
                // One answer has one text.
                if !self.calls.iter().any(|(known, _)| *known == choice) {
                    self.calls.push((choice, call));
                }
                None
            }
            Event::ToolArguments { choice, call, json } if self.calls.contains(&(choice, call)) => {
                Some(Event::Text { choice, text: json })
            }
            // The preface of a model that is made to call a tool, and calls of tools that nobody
            // has offered.
            Event::Text { .. } | Event::ToolStart { .. } | Event::ToolArguments { .. } => None,
            Event::Finish { choice, finish: Finish::ToolCalls } => {
                Some(Event::Finish { choice, finish: Finish::Stop })
            }
            event => Some(event),
        }
    }
}
