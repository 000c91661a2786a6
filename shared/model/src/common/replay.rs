//! From a whole answer to the events of its stream.

use super::{Answer, Event, Part};

impl Answer {
    /// As if it came as a stream, each part at once. What only its dialect knows is not among it.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Start { id: self.id.clone(), model: self.model.clone() }];
        for (choice, said) in self.choices.iter().enumerate() {
            let mut calls = 0;
            for part in &said.parts {
                match part.clone() {
                    Part::Text { text, .. } => events.push(Event::Text { choice, text }),
                    Part::Refusal { text } => events.push(Event::Refusal { choice, text }),
                    Part::Reasoning { text, signature } => {
                        events.push(Event::Reasoning { choice, text });
                        let proof = |signature| Event::ReasoningSignature { choice, signature };
                        events.extend(signature.map(proof));
                    }
                    Part::RedactedReasoning { data } => {
                        events.push(Event::RedactedReasoning { choice, data });
                    }
                    Part::ToolCall { id, name, arguments } => {
                        let call = calls;
                        calls += 1;
                        events.push(Event::ToolStart { choice, call, id, name });
                        events.push(Event::ToolArguments { choice, call, json: arguments });
                    }
                    Part::Image(_) | Part::ToolResult { .. } | Part::Other { .. } => {}
                }
            }
            let finish = said.finish.clone();
            events.extend(finish.map(|finish| Event::Finish { choice, finish }));
        }
        events.extend(self.usage.map(Event::Usage));
        events.push(Event::End);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, Finish, Fold, Usage};
    use super::*;

    #[test]
    fn what_is_replayed_folds_to_the_same() {
        let call = |id: &str| Part::ToolCall {
            id: id.to_owned(),
            name: "find".to_owned(),
            arguments: "{\"q\":1}".to_owned(),
        };
        let thought = Part::Reasoning { text: "Hm.".to_owned(), signature: Some("s".to_owned()) };
        let answer = Answer {
            id: "chatcmpl-1".to_owned(),
            model: "small".to_owned(),
            choices: vec![Choice {
                parts: vec![thought, Part::of("Both."), call("a"), call("b")],
                finish: Some(Finish::ToolCalls),
            }],
            usage: Some(Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() }),
            original: None,
        };
        let mut fold = Fold::default();
        answer.events().iter().for_each(|event| fold.take(event));
        assert!(fold.is_finished());
        assert_eq!(fold.answer(), answer);
    }
}
