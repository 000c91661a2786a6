//! Streams of each dialect for each surface.

use millwright_model::{
    Code, Dialect, Envelope, Event, Finish, Fold, Part, Reader, Surface, SurfaceError, Usage,
    Writer,
};
use serde_json::{Value, json};

use crate::openai::envelope;

/// A stream of a dialect with text, two calls at once and usage.
pub fn stream(dialect: Dialect) -> String {
    let sse = |events: &[Value]| -> String {
        let line = |event: &Value| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        };
        events.iter().map(line).collect()
    };
    match dialect {
        Dialect::OpenAi => {
            let chunk = |delta: Value| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "new": true, "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
            };
            let call = |call: Value| chunk(json!({"tool_calls": [call]}));
            let mut events = vec![
                chunk(json!({"role": "assistant", "content": ""})),
                chunk(json!({"content": "I "})),
                chunk(json!({"content": "löök"})),
                call(json!({"index": 0, "id": "c1", "type": "function",
                    "function": {"name": "f", "arguments": ""}})),
                call(json!({"index": 0, "function": {"arguments": "{\"a\""}})),
                // Both at once.
                call(json!({"index": 1, "id": "c2", "type": "function",
                    "function": {"name": "g", "arguments": "{"}})),
                call(json!({"index": 0, "function": {"arguments": ":1}"}})),
                call(json!({"index": 1, "function": {"arguments": "}"}})),
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4,
                        "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 3}}}),
            ];
            events.dedup();
            format!(": hello\n\n{}data: [DONE]\n\n", sse(&events))
        }
        Dialect::Anthropic => {
            let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
            let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
            let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
            let part = |json: &str| json!({"type": "input_json_delta", "partial_json": json});
            sse(&[
                json!({"type": "message_start", "message": {"id": "c", "type": "message",
                    "role": "assistant", "content": [], "model": "m", "stop_reason": null,
                    "stop_sequence": null, "usage": {"input_tokens": 6, "output_tokens": 1,
                        "cache_read_input_tokens": 3}}}),
                json!({"type": "ping"}),
                start(0, json!({"type": "text", "text": ""})),
                delta(0, json!({"type": "text_delta", "text": "I "})),
                delta(0, json!({"type": "text_delta", "text": "löök"})),
                stop(0),
                start(1, json!({"type": "tool_use", "id": "c1", "name": "f", "input": {}})),
                delta(1, part("")),
                delta(1, part("{\"a\"")),
                delta(1, part(":1}")),
                stop(1),
                start(2, json!({"type": "tool_use", "id": "c2", "name": "g", "input": {}})),
                stop(2),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use",
                    "stop_sequence": null}, "usage": {"output_tokens": 4}}),
                json!({"type": "message_stop"}),
            ])
        }
        Dialect::Ollama => [
            json!({"model": "m", "message": {"role": "assistant", "content": "I "}, "done": false}),
            json!({"model": "m", "message": {"role": "assistant", "content": "löök"},
                "done": false}),
            json!({"model": "m", "message": {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"name": "g", "arguments": {}}}]}, "done": false}),
            json!({"model": "m", "message": {"role": "assistant", "content": ""}, "done": true,
                "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}),
        ]
        .iter()
        .map(|line| format!("{line}\n"))
        .collect(),
    }
}

pub const DIALECTS: [Dialect; 3] = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Ollama];

pub fn events(dialect: Dialect, bytes: &[u8]) -> Vec<Event> {
    let mut reader = Reader::new(dialect, "c");
    let mut items = reader.push(bytes).expect("a stream");
    items.extend(reader.end().expect("a stream"));
    items.into_iter().flat_map(|item| item.events).collect()
}

fn fold(events: &[Event]) -> millwright_model::Answer {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.take(event));
    assert!(fold.is_finished());
    fold.answer()
}

/// What a client gets.
fn written(dialect: Dialect, surface: Surface, include_usage: bool) -> String {
    let mut reader = Reader::new(dialect, "c");
    let envelope = Envelope { include_usage, ..envelope() };
    let mut writer = Writer::new(surface, envelope, false);
    let mut out = Vec::new();
    for item in reader.push(stream(dialect).as_bytes()).expect("a stream") {
        out.extend_from_slice(&writer.item(&item));
    }
    out.extend_from_slice(&writer.end());
    String::from_utf8(out).expect("text")
}

#[test]
fn every_dialect_says_the_same() {
    for dialect in DIALECTS {
        let answer = fold(&events(dialect, stream(dialect).as_bytes()));
        assert_eq!((answer.id.as_str(), answer.model.as_str()), ("c", "m"));
        let call = |id: &str, name: &str, arguments: &str| Part::ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        let parts = [Part::of("I löök"), call("c1", "f", "{\"a\":1}"), call("c2", "g", "{}")];
        assert_eq!(answer.choices[0].parts, parts, "{dialect:?}");
        assert_eq!(answer.choices[0].finish, Some(Finish::ToolCalls));
        let usage = answer.usage.expect("usage");
        assert_eq!((usage.all_input(), usage.output_tokens), (9, 4), "{dialect:?}");
    }
}

/// What we write is read by ourselves as what came in: through both surfaces.
#[test]
fn every_surface_passes_on_what_every_dialect_says() {
    for dialect in DIALECTS {
        let said = fold(&events(dialect, stream(dialect).as_bytes()));
        for (surface, back) in
            [(Surface::OpenAi, Dialect::OpenAi), (Surface::Anthropic, Dialect::Anthropic)]
        {
            let out = written(dialect, surface, true);
            let heard = fold(&events(back, out.as_bytes()));
            assert_eq!(heard.choices, said.choices, "{dialect:?} to {surface:?}: {out}");
            assert_eq!(heard.usage, said.usage, "{dialect:?} to {surface:?}: {out}");
        }
    }
}

#[test]
fn usage_is_the_last_chunk_or_none() {
    for dialect in DIALECTS {
        let without = written(dialect, Surface::OpenAi, false);
        assert!(!without.contains("\"usage\""), "{dialect:?}: {without}");
        assert!(without.ends_with("data: [DONE]\n\n"));
        let with = written(dialect, Surface::OpenAi, true);
        let chunks: Vec<&str> = with.trim_end().rsplit("\n\n").collect();
        assert_eq!(chunks[0], "data: [DONE]");
        let last: Value = serde_json::from_str(&chunks[1][6..]).expect("JSON");
        assert_eq!(last["choices"], json!([]));
        assert_eq!(last["usage"]["total_tokens"], 13);
        assert_eq!(with.matches("\"total_tokens\"").count(), 1);
        assert_eq!(with.matches("[DONE]").count(), 1);
    }
}

#[test]
fn the_same_dialect_is_relayed_as_it_came() {
    let out = written(Dialect::OpenAi, Surface::OpenAi, true);
    assert!(out.contains("\"new\":true"));
    let out = written(Dialect::Anthropic, Surface::Anthropic, false);
    assert_eq!(out, stream(Dialect::Anthropic));
}

/// Blocks of Anthropic's come one after the other, whatever OpenAI's calls do.
#[test]
fn blocks_never_overlap() {
    let out = written(Dialect::OpenAi, Surface::Anthropic, false);
    let mut open = None;
    let mut next = 0;
    for line in out.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).expect("JSON");
        match event["type"].as_str() {
            Some("content_block_start") => {
                assert_eq!(open, None);
                assert_eq!(event["index"], next);
                open = Some(next);
                next += 1;
            }
            Some("content_block_delta") => assert_eq!(event["index"].as_u64(), open),
            Some("content_block_stop") => {
                assert_eq!(event["index"].as_u64(), open);
                open = None;
            }
            _ => {}
        }
    }
    assert_eq!((open, next), (None, 3));
}

#[test]
fn thoughts_keep_their_signatures() {
    let events = [
        Event::Start { id: "a".to_owned(), model: "m".to_owned() },
        Event::Reasoning { choice: 0, text: "hm".to_owned() },
        Event::ReasoningSignature { choice: 0, signature: "s1".to_owned() },
        Event::ReasoningSignature { choice: 0, signature: "s2".to_owned() },
        Event::RedactedReasoning { choice: 0, data: "x".to_owned() },
        Event::Text { choice: 0, text: "so".to_owned() },
        Event::Finish { choice: 0, finish: Finish::Stop },
        Event::End,
    ];
    let mut writer = Writer::new(Surface::Anthropic, envelope(), false);
    let mut out = String::new();
    for frame in events.iter().flat_map(|event| writer.event(event)).collect::<Vec<_>>() {
        out.push_str(std::str::from_utf8(&frame.to_bytes()).expect("text"));
    }
    out.push_str(std::str::from_utf8(&writer.end()).expect("text"));
    let heard = fold(&self::events(Dialect::Anthropic, out.as_bytes()));
    assert_eq!(heard.choices, fold(&events).choices);
    assert_eq!(heard.choices[0].parts.len(), 4);
}

#[test]
fn a_forced_tool_streams_as_text() {
    let bytes = stream(Dialect::OpenAi).replace("\"name\":\"f\"", "\"name\":\"structured_answer\"");
    for surface in [Surface::OpenAi, Surface::Anthropic] {
        let mut reader = Reader::new(Dialect::OpenAi, "c");
        let mut writer = Writer::new(surface, envelope(), true);
        let mut out = Vec::new();
        for item in reader.push(bytes.as_bytes()).expect("a stream") {
            out.extend_from_slice(&writer.item(&item));
        }
        out.extend_from_slice(&writer.end());
        let back = match surface {
            Surface::OpenAi => Dialect::OpenAi,
            Surface::Anthropic => Dialect::Anthropic,
        };
        let answer = fold(&events(back, &out));
        assert_eq!(answer.choices[0].parts[0], Part::of("{\"a\":1}"));
        assert_eq!(answer.choices[0].finish, Some(Finish::Stop));
    }
}

#[test]
fn errors_end_a_stream_in_the_words_of_the_surface() {
    let error = SurfaceError::new(Code::ProviderError, "it broke");
    let text = |surface| {
        let bytes = Writer::new(surface, envelope(), false).error(&error);
        String::from_utf8(bytes.to_vec()).expect("text")
    };
    assert!(text(Surface::OpenAi).starts_with("data: {\"error\":"));
    assert!(text(Surface::Anthropic).starts_with("event: error\ndata: {"));
    for (dialect, bytes) in [
        (Dialect::OpenAi, "data: {\"error\":{\"message\":\"m\"}}\n\n"),
        (
            Dialect::Anthropic,
            "event: error\ndata: {\"type\":\"error\",\"error\":\
            {\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
        ),
        (Dialect::Ollama, "{\"error\":\"m\"}\n"),
    ] {
        let events = events(dialect, bytes.as_bytes());
        assert!(matches!(events.last(), Some(Event::Error(error)) if error.message == "m"));
    }
}

#[test]
fn a_stream_without_an_end_is_not_finished() {
    for dialect in DIALECTS {
        let whole = stream(dialect);
        let cut = &whole[..whole.len() / 3];
        let cut = &cut[..=cut.rfind('\n').expect("a line")];
        let mut fold = Fold::default();
        events(dialect, cut.as_bytes()).iter().for_each(|event| fold.take(event));
        assert!(!fold.is_finished(), "{dialect:?}");
    }
}

#[test]
fn an_endless_event_is_an_error() {
    for (dialect, start) in [
        (Dialect::OpenAi, "data: \""),
        (Dialect::Anthropic, "data: \""),
        (Dialect::Ollama, "{\"a\":\""),
    ] {
        let mut reader = Reader::new(dialect, "c");
        assert!(reader.push(start.as_bytes()).expect("begun").is_empty());
        let piece = vec![b'x'; 1024 * 1024];
        assert!((0..5).any(|_| reader.push(&piece).is_err()), "{dialect:?}");
    }
}

#[test]
fn the_usage_of_a_stream_counts_all() {
    let usage = fold(&events(Dialect::Anthropic, stream(Dialect::Anthropic).as_bytes())).usage;
    let expected =
        Usage { input_tokens: 6, cache_read_tokens: 3, output_tokens: 4, ..Usage::default() };
    assert_eq!(usage, Some(expected));
}
