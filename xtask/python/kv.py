"""Uses secrets as a key-value store of version 2, with a client that knows nothing of Millwright.

Every call of hvac's KV v2 that the facade serves, its exceptions included. Prints how many
expectations were met as JSON.
"""

import argparse
import json
import sys

import hvac
from hvac import exceptions

MET = 0


def expect(condition, what):
    global MET
    if not condition:
        sys.exit(f"not so: {what}")
    MET += 1


def refused(kind, what, call, *arguments, **options):
    try:
        answer = call(*arguments, **options)
    except kind as error:
        expect(True, what)
        return error
    except Exception as error:  # noqa: BLE001
        sys.exit(f"not so: {what}: {type(error).__name__}: {error}")
    sys.exit(f"not so: {what}: {answer}")


def values(kv):
    """Writing, reading, check-and-set, patching."""
    first = kv.create_or_update_secret("apps/web", {"password": "one", "port": 5432})
    expect(first["data"]["version"] == 1, "the first version is 1")
    read = kv.read_secret_version("apps/web", raise_on_deleted_version=True)
    expect(read["data"]["data"] == {"password": "one", "port": 5432}, "what was written is read")
    expect(read["data"]["metadata"]["version"] == 1, "with its version")
    expect(read["lease_id"] == "" and not read["renewable"], "in the envelope of the dialect")
    second = kv.create_or_update_secret("apps/web", {"password": "two"}, cas=1)
    expect(second["data"]["version"] == 2, "a right expectation is met")
    wrong = refused(
        exceptions.InvalidRequest,
        "a wrong expectation is refused",
        kv.create_or_update_secret,
        "apps/web",
        {"password": "never"},
        cas=1,
    )
    expect("check-and-set parameter did not match" in str(wrong), f"in these words: {wrong}")
    refused(
        exceptions.InvalidRequest,
        "a name that is there is not new",
        kv.create_or_update_secret,
        "apps/web",
        {"password": "never"},
        cas=0,
    )
    kv.create_or_update_secret("apps/new", {"a": 1}, cas=0)
    kv.patch("apps/web", {"user": "app"})
    read = kv.read_secret_version("apps/web", raise_on_deleted_version=True)["data"]
    expect(read["data"] == {"password": "two", "user": "app"}, "a patch keeps the rest")
    expect(read["metadata"]["version"] == 3, "and is a version")
    old = kv.read_secret_version("apps/web", version=1, raise_on_deleted_version=True)
    expect(old["data"]["data"]["password"] == "one", "an old version is read by its number")
    for missing in (("apps/none", None), ("apps/web", 99)):
        refused(
            exceptions.InvalidPath,
            f"{missing} is not there",
            kv.read_secret_version,
            missing[0],
            version=missing[1],
            raise_on_deleted_version=True,
        )


def versions(kv):
    """Deleting, restoring, destroying."""
    kv.delete_latest_version_of_secret("apps/web")
    refused(
        exceptions.InvalidPath,
        "a deleted version is not read",
        kv.read_secret_version,
        "apps/web",
        raise_on_deleted_version=True,
    )
    gone = kv.read_secret_version("apps/web", raise_on_deleted_version=False)
    expect(gone["data"]["data"] is None, "but its metadata are")
    expect(gone["data"]["metadata"]["deletion_time"] != "", "with the time of the deletion")
    kv.undelete_secret_versions("apps/web", versions=[3])
    read = kv.read_secret_version("apps/web", raise_on_deleted_version=True)
    expect(read["data"]["data"]["user"] == "app", "undeleted, it is read again")
    kv.delete_secret_versions("apps/web", versions=[1, 77])
    kv.destroy_secret_versions("apps/web", versions=[1, 77])
    gone = kv.read_secret_version("apps/web", version=1, raise_on_deleted_version=False)
    expect(gone["data"]["metadata"]["destroyed"] is True, "a destroyed version says so")


def metadata(kv):
    """Metadata, folders, deleting all of it."""
    kv.create_or_update_secret("apps/deep/er/one", {"a": 1})
    expect(kv.list_secrets("")["data"]["keys"] == ["apps/"], "folders end with a slash")
    keys = kv.list_secrets("apps")["data"]["keys"]
    expect(keys == ["deep/", "new", "web"], f"names and folders directly below: {keys}")
    refused(exceptions.InvalidPath, "an empty folder is none", kv.list_secrets, "nothing")
    kv.update_metadata("apps/web", max_versions=5, cas_required=True, custom_metadata={"o": "x"})
    read = kv.read_secret_metadata("apps/web")["data"]
    expect(read["max_versions"] == 5 and read["cas_required"], "metadata are kept")
    expect(read["custom_metadata"] == {"o": "x"}, "custom ones as well")
    expect(read["current_version"] == 3 and set(read["versions"]) == {"1", "2", "3"}, "all versions")
    refused(
        exceptions.InvalidRequest,
        "without an expectation nothing is written now",
        kv.create_or_update_secret,
        "apps/web",
        {"a": 1},
    )
    refused(
        exceptions.InvalidRequest,
        "versions do not end by themselves",
        kv.update_metadata,
        "apps/web",
        delete_version_after="1h",
    )
    kv.delete_metadata_and_all_versions("apps/new")
    keys = kv.list_secrets("apps")["data"]["keys"]
    expect(keys == ["deep/", "web"], f"what is deleted is listed no more: {keys}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--namespace", required=True)
    arguments = parser.parse_args()
    owner, viewer = json.load(sys.stdin)
    options = {"url": arguments.url, "strict_http": True, "timeout": 30}
    client = hvac.Client(token=owner, namespace=arguments.namespace, **options)
    expect(client.is_authenticated(), "an owner is signed in")
    expect(not hvac.Client(token="none", **options).is_authenticated(), "a stranger is not")
    kv = client.secrets.kv.v2
    values(kv)
    versions(kv)
    metadata(kv)
    other = hvac.Client(token=viewer, **options).secrets.kv.v2
    refused(
        exceptions.Forbidden,
        "a viewer reads no value",
        other.read_secret_version,
        "apps/web",
        raise_on_deleted_version=True,
    )
    refused(
        exceptions.Forbidden,
        "a viewer writes none",
        other.create_or_update_secret,
        "apps/theirs",
        {"a": 1},
    )
    mine = kv.create_or_update_secret("mine", {"a": 1}, mount_point="user")
    expect(mine["data"]["version"] == 1, "everybody has a mount of their own")
    elsewhere = hvac.Client(token=owner, namespace="org_01jdz7xk2nf5h9vq3w8c6m4t0b", **options)
    refused(
        exceptions.InvalidPath,
        "another organization's namespace is not there",
        elsewhere.secrets.kv.v2.read_secret_version,
        "apps/web",
        raise_on_deleted_version=True,
    )
    print(json.dumps({"met": MET}))


if __name__ == "__main__":
    main()
