"""Deploys infra/ on the AWS emulator: what `sam deploy` does against AWS.

The emulator lacks the SAM transform for nested stacks, so that the translator runs here; everything
else is uploaded and created as on AWS. Writes the translated templates, unchanged, to
<out>/templates for the checks that read them. Prints as JSON the stack's outputs and, of every
function, its role, the role's policy, credentials of the role and its environment.
"""

import argparse
import json
import os
import pathlib
import sys
import time
import zipfile

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

import boto3
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

REGION = "us-east-1"
BUCKET = "artifacts"
CODE = "all.zip"
WAIT_SECONDS = 120


class NoManagedPolicies:
    """Our templates name no managed policy."""

    def load(self):
        return {}


def translated(path):
    """The template as CloudFormation sees it after the SAM transform."""
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        # As `sam package` rewrites what it has uploaded.
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = {"Bucket": BUCKET, "Key": CODE}
        elif resource["Type"] == "AWS::Serverless::Application":
            name = properties["Location"].replace(".yaml", ".json")
            properties["Location"] = f"https://s3.{REGION}.amazonaws.com/{BUCKET}/{name}"
    template = transform(template, {}, NoManagedPolicies())
    template.pop("Transform", None)
    return template


def for_the_emulator(template):
    """Drops what cannot hold on the emulator.

    It never fills dynamodb:LeadingKeys and kms:EncryptionContext, so that `Null: false` refuses every
    call and `Null: true` denies it; it takes the alias of a key for the resource that is called, not
    the key behind it; and it speaks HTTP alone, so that a bucket open to encrypted transport only is
    open to nobody. The checks read all of it in the templates written to <out>, which keep it.
    """
    template = json.loads(json.dumps(template))
    resources = template["Resources"]
    for name in [n for n, r in resources.items() if r["Type"] == "AWS::S3::BucketPolicy"]:
        del resources[name]
    alias = resources.get("KeyAlias", {}).get("Properties", {}).get("AliasName", {}).get("Fn::Sub")
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::KMS::Key":
            policy = properties["KeyPolicy"]
            policy["Statement"] = [one for one in policy["Statement"] if "Condition" not in one]
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                statement.get("Condition", {}).pop("Null", None)
                if statement.get("Resource") == {"Fn::GetAtt": ["Key", "Arn"]}:
                    of_alias = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:" + alias
                    statement["Resource"] = [statement["Resource"], {"Fn::Sub": of_alias}]
    return template


def package(infra, binary, out):
    """Translates every template and zips the one binary that serves as every function."""
    templates = {}
    for path in [infra / "template.yaml", *sorted((infra / "services").glob("*.yaml"))]:
        name = str(path.relative_to(infra)).replace(".yaml", ".json")
        templates[name] = translated(path)
        target = out / "templates" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(templates[name], indent=1))
    archive = out / CODE
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as code:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        with code.open(entry, "w") as target:
            target.write(binary.read_bytes())
    return templates, archive


def create(client, templates, archive, parameters):
    """Uploads, creates the stack, waits; gives its outputs."""
    storage = client("s3")
    storage.create_bucket(Bucket=BUCKET)
    storage.put_object(Bucket=BUCKET, Key=CODE, Body=archive.read_bytes())
    for name, template in templates.items():
        body = json.dumps(for_the_emulator(template))
        storage.put_object(Bucket=BUCKET, Key=name, Body=body.encode())

    stacks = client("cloudformation")
    stacks.create_stack(
        StackName=parameters["Prefix"],
        TemplateBody=json.dumps(for_the_emulator(templates["template.json"])),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    )
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        stack = stacks.describe_stacks(StackName=parameters["Prefix"])["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    print(stack["StackStatus"], stack.get("StackStatusReason", ""), file=sys.stderr)
    for summary in stacks.list_stacks()["StackSummaries"]:
        for event in stacks.describe_stack_events(StackName=summary["StackName"])["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                reason = event.get("ResourceStatusReason", "")
                print(event["LogicalResourceId"], event["ResourceStatus"], reason, file=sys.stderr)
    sys.exit(1)


def functions(client):
    """By name: what each function may do, and how to act as it."""
    identities, tokens = client("iam"), client("sts")
    found = {}
    for function in client("lambda").list_functions()["Functions"]:
        role = function["Role"].split("/")[-1]
        policies = identities.list_role_policies(RoleName=role)["PolicyNames"]
        policy = identities.get_role_policy(RoleName=role, PolicyName=policies[0])
        session = tokens.assume_role(RoleArn=function["Role"], RoleSessionName="deploy-test")
        credentials = session["Credentials"]
        found[function["FunctionName"]] = {
            "role": role,
            "policies": policies,
            "policy": policy["PolicyDocument"],
            "variables": function["Environment"]["Variables"],
            "accessKeyId": credentials["AccessKeyId"],
            "secretAccessKey": credentials["SecretAccessKey"],
            "sessionToken": credentials["SessionToken"],
        }
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--account", required=True)
    arguments.add_argument("--infra", required=True, type=pathlib.Path)
    arguments.add_argument("--binary", required=True, type=pathlib.Path)
    arguments.add_argument("--out", required=True, type=pathlib.Path)
    arguments.add_argument("parameters", nargs="+", metavar="NAME=VALUE")
    given = arguments.parse_args()
    parameters = dict(parameter.split("=", 1) for parameter in given.parameters)

    def client(service):
        return boto3.client(
            service,
            endpoint_url=given.endpoint,
            region_name=REGION,
            aws_access_key_id=given.account,
            aws_secret_access_key="unused",
        )

    templates, archive = package(given.infra, given.binary, given.out)
    outputs = create(client, templates, archive, parameters)
    json.dump({"outputs": outputs, "functions": functions(client)}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
