"""Exports secrets as files, has python-dotenv read them, and looks for values where none may be.

Random values go in by imports and come out by exports; of those that npm's dotenv reads alike a file stays
for it. Then detect-secrets and a plain search go through everything that was written meanwhile: logs, the
tables as they are, and exports without values. Prints how many expectations were met as JSON.
"""

import argparse
import base64
import io
import json
import pathlib
import random
import sys
import urllib.parse

import requests
from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings
from dotenv import dotenv_values

MET = 0
SEED = 4711
# What each import and export has, as one set of variables; and as a secret each.
BATCH, APART = 200, 20
NASTY = ["'", '"', "\\", "$", "${A}", "#", " # ", "\n", "\r", "\r\n", "\t", "=", "`", "export ", " ", "ä", "日本", "🔑"]
PLAIN = "abcXYZ019_./:@%+,=-"
# Found by detect-secrets wherever they stand: they look like keys of others.
CANARIES = 20


def expect(condition, what):
    global MET
    if not condition:
        sys.exit(f"not so: {what}")
    MET += 1


class Api:
    def __init__(self, url, token):
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False
        self.session.headers["authorization"] = f"Bearer {token}"

    def post(self, path, body):
        answer = self.session.post(self.url + path, json=body, timeout=60)
        expect(answer.ok, f"POST {path} succeeds: {answer.status_code} {answer.text[:300]}")
        return answer


def a_value(source, is_for_all):
    parts = [source.choice(NASTY) if source.random() < 0.5 else source.choice(PLAIN) for _ in range(source.randint(0, 40))]
    value = "".join(parts)
    if is_for_all:
        value = value.replace("'", "").replace("\r", "")
        while "\\\\" in value:
            value = value.replace("\\\\", "\\")
        # It takes a backslash before the closing quote for one that hides it.
        value = value.rstrip("\\")
    return value


def there_and_back(api, prefix, values, kind="env_variable_set"):
    """Imported as JSON, exported as lines."""
    file = {"format": "json", "content": json.dumps(values), "scope": "organization", "namePrefix": prefix, "type": kind}
    api.post("/import", file)
    # The set has the prefix for its name.
    prefix = prefix.rstrip("/")
    wanted = {"format": "dotenv", "scope": "organization", "namePrefix": prefix}
    names = api.post("/export", wanted).text
    expect(names.count("\n") == len(values), f"{prefix}: without values every name is there once")
    return api.post("/export", {**wanted, "includeValues": True}).content.decode(), names


def files(api, folder):
    source, without = random.Random(SEED), []
    for number in range(6):
        kind, count = ("generic", APART) if number == 0 else ("env_variable_set", BATCH)
        values = {f"K{n:04}": a_value(source, False) for n in range(count)}
        text, names = there_and_back(api, f"python{number}/", values, kind)
        read = dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False)
        different = [name for name in values if read.get(name) != values[name]]
        expect(not different, f"python-dotenv reads {different[:5]} otherwise")
        expect(len(read) == len(values), "and nothing else")
        without.append(names)
    values = {f"K{n:04}": a_value(source, True) for n in range(BATCH)}
    text, names = there_and_back(api, "npm", values)
    (folder / "exported.env").write_bytes(text.encode())
    (folder / "expected.json").write_text(json.dumps(values))
    return without + [names]


def canaries(api):
    source = random.Random(SEED + 1)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    marks = ["AKIA" + "".join(source.choice(letters) for _ in range(16)) for _ in range(CANARIES)]
    for number, mark in enumerate(marks):
        name = f"canary/k{number}"
        body = {"name": name, "type": "api_key", "scope": "organization", "value": {"key": mark}}
        path = "/" + api.post("", body).json()["id"]
        api.post(f"{path}/versions", {"value": {"key": mark}, "changeReason": "again"})
        revealed = api.post(f"{path}/reveal", {}).json()
        expect(revealed["value"]["key"] == mark, "a mark is revealed")
        # Refused, of a wrong form, with a member too many.
        for wrong in [{"value": {"kye": mark}}, {"value": {"key": [mark]}}, {"valeu": mark}, {"value": {"key": mark + " "}}]:
            refused = api.session.post(f"{api.url}{path}/versions", json=wrong, timeout=60)
            expect(refused.status_code == 400 and mark not in refused.text, "a fault quotes nothing")
    api.post("/resolve", {"references": [f"canary/k{n}#key" for n in range(CANARIES)]})
    api.post("/resolve-template", {"template": {"a": "{{secret:canary/k0#key}}"}})
    return marks


def findings(files):
    """What detect-secrets says of them: hashes."""
    found = SecretsCollection()
    with default_settings():
        for file in files:
            found.scan_file(str(file))
    return {secret.secret_value for _, secret in found}


def look(marks, folder, logs, dumps, texts):
    places = [file for root in (logs, dumps) for file in root.rglob("*") if file.is_file()]
    for number, text in enumerate(texts):
        place = folder / f"names-{number}.env"
        place.write_text(text)
        places.append(place)
    control = folder / "control.txt"
    control.write_text("\n".join(f'key = "{mark}"' for mark in marks))
    expect(findings([control]) >= set(marks), "detect-secrets knows the marks where they stand")
    expect(any(file.stat().st_size > 1000 for file in logs.rglob("*") if file.is_file()), "there are logs")
    expect(any(file.stat().st_size > 1000 for file in dumps.rglob("*") if file.is_file()), "there are tables")
    expect(not findings(places) & set(marks), "detect-secrets finds a mark")
    forms = [form for mark in marks for form in (mark, base64.b64encode(mark.encode()).decode().rstrip("=")[:24], urllib.parse.quote(mark))]
    for place in places:
        text = place.read_bytes()
        here = [form for form in forms if form.encode() in text]
        expect(not here, f"{place} has a mark in it")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--logs", type=pathlib.Path)
    parser.add_argument("--dumps", type=pathlib.Path)
    parser.add_argument("--look", action="store_true")
    arguments = parser.parse_args()
    state = arguments.folder / "state.json"
    if arguments.look:
        marks, texts = json.loads(state.read_text())
        state.unlink()
        look(marks, arguments.folder, arguments.logs, arguments.dumps, texts)
    else:
        api = Api(arguments.url, json.load(sys.stdin))
        state.write_text(json.dumps([canaries(api), files(api, arguments.folder)]))
    print(json.dumps({"met": MET}))


main()
