"""Writes the same values here and into moto's Secrets Manager, and compares what is current and previous.

After each value both stores are read by stage. Prints how many expectations were met as JSON.
"""

import argparse
import json
import sys

import boto3
import requests
from moto import mock_aws

MET = 0
VALUES = 12


def expect(condition, what):
    global MET
    if not condition:
        sys.exit(f"not so: {what}")
    MET += 1


class Ours:
    """A secret over HTTP."""

    def __init__(self, url, token, name):
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["authorization"] = f"Bearer {token}"
        body = {"name": name, "type": "api_key", "scope": "organization", "value": {"key": "v1"}}
        made = self.session.post(url, json=body, timeout=60)
        expect(made.ok, f"a secret is made: {made.status_code} {made.text[:300]}")
        self.path = f"{url}/{made.json()['id']}"

    def post(self, path, body):
        answer = self.session.post(self.path + path, json=body, timeout=60)
        expect(answer.ok, f"POST {path} succeeds: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def write(self, value):
        self.post("/versions", {"value": {"key": value}})

    def read(self, stage):
        answer = self.session.post(f"{self.path}/reveal", json={"stage": stage}, timeout=60)
        if answer.status_code == 404:
            return None
        expect(answer.ok, f"{stage} is revealed: {answer.status_code} {answer.text[:300]}")
        return answer.json()["value"]["key"]


class Theirs:
    """A secret in moto, which knows nothing of ours."""

    def __init__(self, client, name):
        self.client, self.name = client, name
        client.create_secret(Name=name, SecretString="v1")

    def write(self, value):
        self.client.put_secret_value(SecretId=self.name, SecretString=value)

    def read(self, stage):
        try:
            found = self.client.get_secret_value(SecretId=self.name, VersionStage=f"AWS{stage.upper()}")
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return found["SecretString"]


def compare(ours, theirs):
    for number in range(1, VALUES + 1):
        if number > 1:
            ours.write(f"v{number}")
            theirs.write(f"v{number}")
        for stage in ("current", "previous"):
            mine, other = ours.read(stage), theirs.read(stage)
            expect(mine == other, f"after {number} values {stage} is {other}: {mine}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    url = parser.parse_args().url
    token = json.load(sys.stdin)
    # Calls to others than AWS go where they should: to the stack.
    with mock_aws(config={"core": {"passthrough": {"urls": ["http://"]}}}):
        client = boto3.client(
            "secretsmanager", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        compare(Ours(url, token, "stages/k"), Theirs(client, "stages/k"))
    json.dump({"met": MET}, sys.stdout)


main()
