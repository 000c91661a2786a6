//! What holds for every request, every stream, and every nonsense.

use std::collections::BTreeSet;

use millwright_model::{
    Capability, Dialect, Finish, Fold, Format, Image, Message, Part, Reader, Request, Role,
    Surface, Tool, ToolChoice, Usage, anthropic, openai, read_answer, read_error, read_request,
    write_answer, write_request,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    able,
    openai::envelope,
    streams::{DIALECTS, events, stream},
    target,
};

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,8}"
}

fn text() -> impl Strategy<Value = String> {
    // Line breaks, quotes and letters of several bytes among them.
    "[ -~äöü\n\r\"{}€😀]{1,20}"
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn arguments() -> impl Strategy<Value = String> {
    prop::collection::btree_map(word(), json_value(), 0..3)
        .prop_map(|map| Value::Object(map.into_iter().collect()).to_string())
}

/// What a user shows.
fn user_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        text().prop_map(Part::of),
        "[A-Za-z0-9+/]{4,8}"
            .prop_map(|base64| Part::Image(Image::Data { mime: "image/png".to_owned(), base64 })),
    ]
}

/// A question and its answer, with tool calls and their results.
fn turn() -> impl Strategy<Value = Vec<Message>> {
    let call = (word(), word(), arguments(), text(), any::<bool>());
    (prop::collection::vec(user_part(), 1..3), text(), prop::collection::vec(call, 0..3)).prop_map(
        |(asked, said, calls)| {
            let say = |role, parts| Message { role, name: None, parts };
            let mut parts = vec![Part::of(said)];
            let mut results = Vec::new();
            for (id, name, arguments, result, _) in calls {
                let id = format!("{id}{}", results.len());
                parts.push(Part::ToolCall { id: id.clone(), name, arguments });
                let content = vec![Part::of(result)];
                results.push(Part::ToolResult { id, content, is_error: false });
            }
            let mut turn = vec![say(Role::User, asked), say(Role::Assistant, parts)];
            if !results.is_empty() {
                turn.push(say(Role::User, results));
                turn.push(say(Role::Assistant, vec![Part::of("ok")]));
            }
            turn
        },
    )
}

prop_compose! {
    fn tool()(name in word(), description in prop::option::of(text()), field in word()) -> Tool {
        Tool::Function {
            name,
            description,
            parameters: json!({"type": "object", "properties": {field: {"type": "string"}}}),
            strict: None,
            cache: None,
        }
    }
}

prop_compose! {
    /// What every dialect has a word for.
    fn request()(
        system in prop::option::of(text()),
        turns in prop::collection::vec(turn(), 0..3),
        last in text(),
        tools in prop::collection::vec(tool(), 0..3),
        choice in 0..4_usize,
        schema in any::<bool>(),
        temperature in prop::option::of(0_u8..=10),
        stop in prop::collection::vec(text(), 0..3),
        limit in 1_u64..4_000,
        stream in any::<bool>(),
        parallel in any::<bool>(),
        user in prop::option::of(word()),
    ) -> Request {
        let body = json!({"messages": [{"role": "user", "content": "x"}]});
        let mut request = read_request(Surface::OpenAi, body).expect("a request");
        let say = |role, text: String| Message { role, name: None, parts: vec![Part::of(text)] };
        request.messages = system.map(|text| say(Role::System, text)).into_iter().collect();
        request.messages.extend(turns.into_iter().flatten());
        request.messages.push(say(Role::User, last));
        request.tool_choice = match tools.first() {
            Some(Tool::Function { name, .. }) => [
                ToolChoice::Auto, ToolChoice::Required, ToolChoice::None,
                ToolChoice::Named(name.clone()),
            ].get(choice).cloned(),
            _ => None,
        };
        request.parallel_tool_calls = (!tools.is_empty() && !parallel
            && request.tool_choice != Some(ToolChoice::None)).then_some(false);
        if schema {
            request.format = Format::JsonSchema {
                name: "answer".to_owned(), description: None,
                schema: json!({"type": "object"}), strict: Some(true),
            };
        }
        request.tools = tools;
        request.temperature = temperature.map(|tenths| f64::from(tenths) / 10.0);
        request.stop = stop;
        request.max_output_tokens = Some(limit);
        request.stream = stream;
        request.user = user;
        request
    }
}

/// Without what dialects cut differently: messages of the same speaker are one, text joins text.
fn meaning(request: &Request) -> Request {
    let mut plain = request.clone();
    plain.model = String::new();
    plain.include_usage = false;
    plain.original.body.clear();
    plain.original.dialect = Dialect::OpenAi;
    let mut messages: Vec<Message> = Vec::new();
    for message in std::mem::take(&mut plain.messages) {
        match messages.last_mut() {
            Some(last) if last.role == message.role => last.parts.extend(message.parts),
            _ => messages.push(message),
        }
    }
    plain.messages = messages;
    plain
}

fn as_if_from(surface: Dialect, request: &Request) -> Request {
    let mut request = request.clone();
    // Built, not patched.
    request.original.dialect = match surface {
        Dialect::OpenAi => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    };
    request.original.body.clear();
    request
}

fn pieces(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let cuts: BTreeSet<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        pieces.push(bytes[start..cut].to_vec());
        start = cut;
    }
    pieces
}

/// An answer, whole and as a stream of the same dialect, is made from these.
fn answer() -> impl Strategy<Value = millwright_model::Answer> {
    let call = (word(), word(), arguments());
    let finish = prop_oneof![
        Just(Finish::Stop),
        Just(Finish::Length),
        Just(Finish::ToolCalls),
        Just(Finish::ContentFilter)
    ];
    let tokens = 0..1_000_000_u64;
    (
        prop::option::of(text()),
        prop::collection::vec(call, 0..4),
        finish,
        (tokens.clone(), tokens.clone(), tokens.clone(), tokens),
    )
        .prop_map(|(text, calls, finish, (input, read, write, output))| {
            let mut parts: Vec<Part> = text.map(Part::of).into_iter().collect();
            parts.extend(calls.into_iter().enumerate().map(|(index, (id, name, arguments))| {
                Part::ToolCall { id: format!("{id}{index}"), name, arguments }
            }));
            millwright_model::Answer {
                id: "cmp_1".to_owned(),
                model: "acme/m".to_owned(),
                choices: vec![millwright_model::Choice { parts, finish: Some(finish) }],
                usage: Some(Usage {
                    input_tokens: input,
                    cache_read_tokens: read,
                    cache_write_tokens: write,
                    output_tokens: output,
                    reasoning_tokens: 0,
                }),
                original: None,
            }
        })
}

fn surface_of(dialect: Dialect) -> Surface {
    match dialect {
        Dialect::Anthropic => Surface::Anthropic,
        _ => Surface::OpenAi,
    }
}

proptest! {
    #[test]
    fn a_request_keeps_its_meaning(request in request()) {
        let capabilities = able();
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let out = write_request(dialect, &as_if_from(dialect, &request),
                &target(&capabilities));
            let out = out.expect("fits");
            prop_assert!(out.dropped.is_empty(), "{:?}", out.dropped);
            let back = read_request(surface_of(dialect), out.body).expect("a request");
            prop_assert_eq!(meaning(&back), meaning(&request));
        }
    }

    /// Ollama has no reader of requests: the texts, pictures and tools must all be there.
    #[test]
    fn ollama_gets_every_word(request in request()) {
        let out = write_request(Dialect::Ollama, &as_if_from(Dialect::Ollama, &request),
            &target(&able())).expect("fits");
        let messages = out.body["messages"].as_array().expect("messages");
        let said: String = messages.iter().filter_map(|each| each["content"].as_str()).collect();
        let mut expected = String::new();
        for part in request.messages.iter().flat_map(|message| &message.parts) {
            match part {
                Part::ToolResult { content, .. } =>
                    expected.extend(content.iter().filter_map(Part::text)),
                part => expected.push_str(part.text().unwrap_or_default()),
            }
        }
        prop_assert_eq!(said, expected);
        let images: usize =
            messages.iter().filter_map(|each| each["images"].as_array()).map(Vec::len).sum();
        prop_assert_eq!(images as u64, request.images());
    }

    #[test]
    fn however_a_stream_is_cut_it_says_the_same(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        carriage in any::<bool>(),
    ) {
        for dialect in DIALECTS {
            let mut whole = stream(dialect);
            if carriage {
                whole = whole.replace('\n', "\r\n");
            }
            let mut reader = Reader::new(dialect, "c");
            let mut items = Vec::new();
            for piece in pieces(whole.as_bytes(), &cuts) {
                items.extend(reader.push(&piece).expect("a stream"));
            }
            items.extend(reader.end().expect("a stream"));
            let cut: Vec<_> = items.into_iter().flat_map(|item| item.events).collect();
            prop_assert_eq!(cut, events(dialect, stream(dialect).as_bytes()));
        }
    }

    #[test]
    fn a_whole_answer_is_read_as_it_was_written(answer in answer()) {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let body = write_answer(surface_of(dialect), &answer, &envelope());
            let mut back = read_answer(dialect, "x", body).expect("an answer");
            back.original = None;
            prop_assert_eq!(&back, &answer);
        }
    }

    /// The stream of an answer, as each surface gets it, folds to the whole answer.
    #[test]
    fn a_stream_folded_is_the_whole_answer(
        answer in answer(), cut in 1_usize..7,
    ) {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            let mut envelope = envelope();
            envelope.include_usage = true;
            let mut writer =
                millwright_model::Writer::new(surface_of(dialect), envelope, false);
            let mut bytes = Vec::new();
            for event in said(&answer, cut) {
                for frame in writer.event(&event) {
                    bytes.extend_from_slice(&frame.to_bytes());
                }
            }
            bytes.extend_from_slice(&writer.end());
            let mut fold = Fold::default();
            events(dialect, &bytes).iter().for_each(|event| fold.take(event));
            prop_assert_eq!(&fold.answer(), &answer);
        }
    }

    #[test]
    fn no_request_panics(body in json_value(), more in json_value(), place in 0..12_usize) {
        let names = ["messages", "tools", "tool_choice", "response_format", "system", "n", "stop",
            "max_tokens", "stream_options", "metadata", "thinking", "output_config"];
        let nearly = [
            json!({"messages": [more]}),
            json!({"messages": [{"role": "user", "content": more}], "max_tokens": 1}),
            json!({"messages": [{"role": "assistant", "content": [more], "tool_calls": [more]}],
                "max_tokens": 1}),
            json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1,
                names[place]: more}),
            body,
        ];
        for body in nearly {
            for surface in [Surface::OpenAi, Surface::Anthropic] {
                let Ok(request) = read_request(surface, body.clone()) else { continue };
                for dialect in DIALECTS {
                    for capabilities in [able(), BTreeSet::from([Capability::Chat])] {
                        let _ = write_request(dialect, &request, &target(&capabilities));
                    }
                }
            }
        }
    }

    #[test]
    fn no_answer_panics(body in json_value(), status in any::<u16>()) {
        let message = json!({"choices": [body], "content": [body], "message": body, "usage": body});
        for body in [body.clone(), message] {
            for dialect in DIALECTS {
                if let Ok(answer) = read_answer(dialect, "x", body.clone()) {
                    let _ = openai::write_answer(&answer.clone().unwrapped(), &envelope());
                    let _ = anthropic::write_answer(&answer.unwrapped(), &envelope());
                }
                let _ = read_error(dialect, status, body.to_string().as_bytes());
            }
        }
    }

    #[test]
    fn no_stream_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), chunk in json_value()) {
        let near = json!({"type": "content_block_delta", "index": 0, "delta": chunk,
            "choices": [{"delta": chunk, "index": chunk}], "usage": chunk, "message": chunk});
        for dialect in DIALECTS {
            for bytes in [bytes.clone(), format!("data: {near}\n\n{near}\n").into_bytes()] {
                let mut reader = Reader::new(dialect, "x");
                let mut writers = [Surface::OpenAi, Surface::Anthropic]
                    .map(|surface| millwright_model::Writer::new(surface, envelope(), true));
                let mut fold = Fold::default();
                for item in reader.push(&bytes).unwrap_or_default() {
                    writers.iter_mut().for_each(|writer| drop(writer.item(&item)));
                    item.events.iter().for_each(|event| fold.take(event));
                }
                let _ = reader.end();
                let _ = fold.answer();
            }
        }
    }
}

/// The events of an answer, its texts in pieces.
fn said(answer: &millwright_model::Answer, cut: usize) -> Vec<millwright_model::Event> {
    use millwright_model::Event;
    let cut = |text: &str| -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        letters.chunks(cut).map(|piece| piece.iter().collect()).collect()
    };
    let mut events = vec![Event::Start { id: answer.id.clone(), model: answer.model.clone() }];
    let (choice, mut call) = (0, 0);
    for part in &answer.choices[0].parts {
        match part {
            Part::Text { text, .. } => {
                events.extend(cut(text).into_iter().map(|text| Event::Text { choice, text }));
            }
            Part::ToolCall { id, name, arguments } => {
                let (id, name) = (id.clone(), name.clone());
                events.push(Event::ToolStart { choice, call, id, name });
                let pieces = cut(arguments).into_iter();
                events.extend(pieces.map(|json| Event::ToolArguments { choice, call, json }));
                call += 1;
            }
            _ => {}
        }
    }
    let finish = answer.choices[0].finish.clone().expect("a finish");
    events.extend([Event::Finish { choice, finish }, Event::Usage(answer.usage.expect("usage"))]);
    events
}
