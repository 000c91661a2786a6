"""Judges what the crate `millwright-model` says: its sums by genai-prices, its dialects by the SDKs
of openai and anthropic, which read it as if it came from their vendors.

Reads JSON (see xtask/src/test/models), prints what was found right as JSON, fails at the first
wrong.
"""

import datetime
import json
import sys
import typing
from decimal import ROUND_HALF_UP, Decimal

import anthropic
import httpx2
import openai
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from genai_prices.data import providers
from genai_prices.types import Usage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

EVENT = TypeAdapter(RawMessageStreamEvent)
REQUESTS = {
    ("openai", False): TypeAdapter(CompletionCreateParamsNonStreaming),
    ("openai", True): TypeAdapter(CompletionCreateParamsStreaming),
    ("anthropic", False): TypeAdapter(MessageCreateParamsNonStreaming),
    ("anthropic", True): TypeAdapter(MessageCreateParamsStreaming),
}


def expect(is_so, what, found=""):
    if not is_so:
        sys.exit(f"not so: {what} {found}")


def judge_prices(sums):
    """How many costs of how many models are right."""
    noon = datetime.datetime.combine(
        datetime.date.fromisoformat(sums["date"]), datetime.time(12), datetime.UTC
    )
    models = {(each.id, " ".join(model.id.split())): (each, model)
              for each in providers for model in each.models}
    usages = [
        (row, Usage(input_tokens=sum(row[:3]), cache_read_tokens=row[1],
                    cache_write_tokens=row[2], output_tokens=row[3]))
        for row in sums["usages"]
    ]
    count = rounded = 0
    for said in sums["models"]:
        provider, model = models[said["vendor"], said["name"]]
        for (row, usage), ours in zip(usages, said["costs"], strict=True):
            price = model.calc_price(usage, provider, genai_request_timestamp=noon).total_price
            theirs = int((price * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))
            # A price that was rounded errs by half a micro-dollar for a million tokens at most.
            allowed = 1 + sum(row) // 2_000_000 if said["rounded"] else 0
            expect(abs(ours - theirs) <= allowed,
                   f"{said['vendor']}:{said['name']} {row} costs {theirs}, not {ours}")
            count += 1
            rounded += ours != theirs
    return count, len(sums["models"]), rounded


def clients(status, body, kind):
    """Clients of both SDKs whose vendor says this."""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(status, headers={"content-type": kind}, content=body)
    )
    options = {"api_key": "k", "max_retries": 0, "http_client": httpx2.Client(transport=transport)}
    return {"openai": openai.OpenAI(**options), "anthropic": anthropic.Anthropic(**options)}


def ask(client, surface, **more):
    messages = [{"role": "user", "content": "q"}]
    if surface == "openai":
        return client.chat.completions.create(model="m", messages=messages, **more)
    return client.messages.create(model="m", messages=messages, max_tokens=9, **more)


def judge_completion(message, usage, expected):
    said = message.content or message.refusal or ""
    expect(said == expected["text"], "the text is whole", (said, expected))
    calls = [[call.id, call.function.name, json.loads(call.function.arguments)]
             for call in message.tool_calls or []]
    expect(calls == expected["calls"], "the calls are whole", (calls, expected))
    if usage is not None:
        fresh, read, write, output = expected["usage"]
        expect(usage.prompt_tokens == fresh + read + write, "the prompt is counted")
        expect(usage.completion_tokens == output, "the completion is counted")
        expect(usage.prompt_tokens_details.cached_tokens == read, "the cache is counted")


def judge_message(message, expected):
    said = "".join(block.text for block in message.content if block.type == "text")
    expect(said == expected["text"], "the text is whole", (said, expected))
    calls = [[block.id, block.name, block.input]
             for block in message.content if block.type == "tool_use"]
    expect(calls == expected["calls"], "the calls are whole", (calls, expected))
    usage = message.usage
    counted = [usage.input_tokens, usage.cache_read_input_tokens,
               usage.cache_creation_input_tokens, usage.output_tokens]
    expect(counted == expected["usage"], "the usage is whole", counted)
    expect(message.stop_reason is not None, "the reason is said")


def judge_answer(said):
    surface, body = said["surface"], said["body"]
    client = clients(200, json.dumps(body), "application/json")[surface]
    answer = ask(client, surface)
    if surface == "openai":
        ChatCompletion.model_validate(body)
        judge_completion(answer.choices[0].message, answer.usage, said["expected"])
    else:
        Message.model_validate(body)
        judge_message(answer, said["expected"])


def data(text):
    return [line[6:] for line in text.split("\n") if line.startswith("data: ")]


def judge_stream(said):
    surface, text = said["surface"], said["text"]
    client = clients(200, text.encode(), "text/event-stream")[surface]
    if surface == "anthropic":
        for event in data(text):
            EVENT.validate_json(event)
        with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "q"}]
        ) as stream:
            judge_message(stream.get_final_message(), said["expected"])
        return
    events = data(text)
    expect(events.pop() == "[DONE]", "a stream ends with [DONE]")
    for event in events:
        ChatCompletionChunk.model_validate_json(event)
    options = {"include_usage": said["includeUsage"]}
    with client.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "q"}], stream_options=options
    ) as stream:
        for _ in stream:
            pass
        final = stream.current_completion_snapshot
    judge_completion(final.choices[0].message, final.usage, said["expected"])
    chunks = list(ask(client, surface, stream=True))
    numbers = [chunk.usage for chunk in chunks if chunk.usage]
    expect(len(numbers) == said["includeUsage"], "usage comes once, where it was asked for")
    if numbers:
        expect(chunks[-1].usage and not chunks[-1].choices, "usage comes last and alone")


def judge_error(said):
    surface = said["surface"]
    status, body = said["status"], json.dumps(said["body"])
    kinds = {"openai": openai.APIStatusError, "anthropic": anthropic.APIStatusError}
    try:
        ask(clients(status, body, "application/json")[surface], surface)
        sys.exit(f"not so: {body} is an error")
    except kinds[surface] as error:
        expect(error.status_code == status, "the status is kept")
        expect("what is wrong" in str(error), "the message is kept", error)
        expect(type(error) is not kinds[surface] or status in (413, 421, 529),
               "errors have their own class", (status, type(error)))
    kinds = {"openai": openai.APIError, "anthropic": anthropic.APIError}
    client = clients(200, said["stream"].encode(), "text/event-stream")[surface]
    try:
        list(ask(client, surface, stream=True))
        sys.exit("not so: an error in a stream is raised")
    except kinds[surface]:
        pass


def consumed(value):
    """Iterables are judged while they are read."""
    if isinstance(value, dict):
        return {name: consumed(each) for name, each in value.items()}
    if isinstance(value, typing.Iterable) and not isinstance(value, (str, bytes)):
        return [consumed(each) for each in value]
    return value


def judge_request(said):
    body = said["body"]
    consumed(REQUESTS[said["surface"], bool(body.get("stream"))].validate_python(body))


def main():
    said = json.load(sys.stdin)
    judges = {"answer": judge_answer, "stream": judge_stream, "error": judge_error,
              "request": judge_request}
    for each in said["spoken"]:
        try:
            judges[each["kind"]](each)
        except SystemExit as found:
            sys.exit(f"{found} of {json.dumps(each)[:2000]}")
        except Exception as error:  # noqa: BLE001
            sys.exit(f"{type(error).__name__}: {error} of {json.dumps(each)[:2000]}")
    costs, models, rounded = judge_prices(said["prices"])
    print(json.dumps({"understood": len(said["spoken"]), "costs": costs, "models": models,
                      "rounded": rounded}))


main()
