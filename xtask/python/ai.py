"""Asks models through the gateway, with the SDKs of OpenAI and Anthropic, which know nothing of Millwright.

A provider stands in on the loopback: it says what it was sent, streams a word at a time, and notices
who hangs up. Prints how many expectations were met as JSON.
"""

import argparse
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai

MET = 0
KEY = "sk-stand-in-0123456789"
WORDS = ["one ", "two ", "three ", "four ", "five "]


def expect(condition, what):
    global MET
    if not condition:
        sys.exit(f"not so: {what}")
    MET += 1


class Api:
    """Millwright's own API."""

    def __init__(self, url, token):
        self.url = url
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


class StandIn(BaseHTTPRequestHandler):
    """Speaks as OpenAI does."""

    protocol_version = "HTTP/1.1"
    seen = []
    hung_up = threading.Event()
    # A word leaves when the client has read the one before.
    go_on = threading.Semaphore(0)

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        StandIn.seen.append((self.headers.get("authorization"), body))
        if body.get("stream"):
            self.stream("forever" in json.dumps(body["messages"]))
        elif "fail" in json.dumps(body["messages"]):
            self.whole(500, {"error": {"message": "broken", "type": "server_error"}})
        else:
            message = {"role": "assistant", "content": "Hello there.", "refusal": None}
            choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
            usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            self.whole(200, self.of("chat.completion", choices=[choice], usage=usage))

    def of(self, kind, **members):
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "small", **members}

    def whole(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, forever):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for word in WORDS:
                self.say([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
                StandIn.go_on.acquire(timeout=10)
            while forever:
                self.say([{"index": 0, "delta": {"content": "and "}, "finish_reason": None}])
                time.sleep(0.1)
            self.say([{"index": 0, "delta": {}, "finish_reason": "stop"}])
            self.say([], {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12})
            self.put("data: [DONE]\n\n")
            self.put("")
        except OSError:
            StandIn.hung_up.set()

    def say(self, choices, usage=None):
        chunk = self.of("chat.completion.chunk", choices=choices, usage=usage)
        self.put(f"data: {json.dumps(chunk)}\n\n")

    def put(self, text):
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def furnish(api, base):
    """A provider whose key is a secret, and a model with prices; a provider where nobody is, a chain."""

    def made(path, body):
        status, answer = api.call(path, body)
        expect(status == 201, f"POST {path}: {answer}")
        return answer["id"]

    secret = {"name": "models/key", "type": "api_key", "scope": "organization", "value": {"key": KEY}}
    kind = {"name": "Stand-in", "kind": "openai_compatible"}
    provider = {**kind, "slug": "here", "baseUrl": base, "secretId": made("/secrets", secret)}
    provider = made("/ai/providers", {**provider, "maxRetries": 0})
    nobody = {**kind, "slug": "nobody", "baseUrl": "http://127.0.0.1:9", "maxRetries": 0}
    nobody = made("/ai/providers", nobody)
    prices = {"inputMicrosPerMTok": 1_000_000, "outputMicrosPerMTok": 4_000_000}
    small = made("/ai/models", {"providerId": provider, "name": "small", "prices": prices})
    absent = made("/ai/models", {"providerId": nobody, "name": "absent"})
    members = [{"modelId": absent}, {"modelId": small}]
    made("/ai/fallback-chains", {"slug": "both", "name": "Both", "members": members})


def ask(text):
    return [{"role": "user", "content": text}]


def by_openai(client):
    raw = client.chat.completions.with_raw_response.create(model="here/small", messages=ask("Hi"))
    answer = raw.parse()
    expect(answer.choices[0].message.content == "Hello there.", "OpenAI's SDK reads an answer")
    expect(raw.headers["x-millwright-cost-micros"] == "19", "7 tokens at 1 and 3 at 4 cost 19")
    expect(StandIn.seen[-1][0] == f"Bearer {KEY}", "the provider gets the key of the secret")
    said = []
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model="here/small", messages=ask("Hi"), stream=True, stream_options=options
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            said.append(chunk.choices[0].delta.content)
            # The provider says the next word only now: nobody in between keeps any.
            StandIn.go_on.release()
        elif not chunk.choices:
            expect(chunk.usage.total_tokens == 12, "the last chunk has the usage")
    expect(said == WORDS, "a stream comes word by word")
    names = [model.id for model in client.models.list()]
    expect({"auto", "both", "here/small"} <= set(names), "models are listed")
    expect(client.models.retrieve("here/small").id == "here/small", "a model is read")
    raw = client.chat.completions.with_raw_response.create(model="both", messages=ask("Hi"))
    expect(raw.headers["x-millwright-provider"] == "here", "the second of a chain answers")
    expect(raw.headers["x-millwright-attempts"] == "2", "after the first was asked")
    return raw.headers["x-millwright-completion-id"]


def errors(url, client):
    def refused(kind, code, call):
        try:
            call()
        except kind as error:
            expect(error.code == code, f"{kind.__name__} says {code}, not {error.code}")
            return
        sys.exit(f"not so: {code} is a {kind.__name__}")

    create = client.chat.completions.create
    refused(openai.NotFoundError, "model_not_found", lambda: create(model="x", messages=ask("Hi")))
    refused(openai.BadRequestError, "invalid_request", lambda: create(model="here/small", messages=[]))
    broken = lambda: create(model="here/small", messages=ask("fail"))  # noqa: E731
    refused(openai.InternalServerError, "provider_error", broken)
    stranger = openai.OpenAI(base_url=url, api_key="nobody", max_retries=0)
    refused(openai.AuthenticationError, "invalid_api_key", lambda: stranger.models.list())


def hang_up(client, api):
    stream = client.chat.completions.create(
        model="here/small", messages=ask("forever"), stream=True
    )
    for _, chunk in zip(range(3), stream):
        StandIn.go_on.release()
        last = chunk
    StandIn.go_on.release(10)
    expect(last.choices, "a stream goes on")
    stream.close()
    expect(StandIn.hung_up.wait(10), "the provider is hung up on when the client hangs up")


def by_anthropic(client):
    answer = client.messages.create(model="here/small", max_tokens=50, messages=ask("Hi"))
    expect(answer.content[0].text == "Hello there.", "Anthropic's SDK reads an answer")
    expect(answer.usage.output_tokens == 3, "and its usage")
    StandIn.go_on.release(10)
    with client.messages.stream(model="small", max_tokens=50, messages=ask("Hi")) as stream:
        expect("".join(stream.text_stream) == "".join(WORDS), "Anthropic's SDK reads a stream")
        expect(stream.get_final_message().usage.input_tokens == 7, "and its usage at the end")


def counted(api, completion):
    _, entry = api.call(f"/ai/completions/{completion}")
    expect([it["outcome"] for it in entry["attempts"]] == ["failed", "answered"], "the log tells tries")
    month = time.strftime("%Y-%m-01T00:00:00Z", time.gmtime())
    end = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() + 7200))
    path = f"/usage/summary?from={month}&to={end}"
    for _ in range(60):
        _, answer = api.call(path)
        categories = answer.get("categories", [])
        found = [it for it in categories if it["categoryCode"] == "ai.completion"]
        if found and int(found[0]["count"]) >= 6:
            expect(found[0]["costMicros"] > 0, "usage-tracking knows what completions cost")
            return
        time.sleep(0.5)
    sys.exit(f"not so: usage-tracking counts completions: {answer}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--api", required=True)
    api = parser.parse_args().api
    token = json.load(sys.stdin)
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = Api(api, token)
    furnish(own, f"http://127.0.0.1:{server.server_port}")
    _, urls = own.call("/ai/endpoints")
    client = openai.OpenAI(base_url=urls["openaiBaseUrl"], api_key=token, max_retries=0)
    completion = by_openai(client)
    errors(urls["openaiBaseUrl"], client)
    by_anthropic(anthropic.Anthropic(base_url=urls["anthropicBaseUrl"], api_key=token, max_retries=0))
    hang_up(client, own)
    counted(own, completion)
    print(json.dumps({"met": MET}))


main()
