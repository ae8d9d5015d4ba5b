"""Secret Manager through the official client over REST: secrets and their versions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import google_crc32c
import pytest
import requests
from google.api_core import exceptions
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.secrets_client import (
    AUTOMATIC,
    DOCS,
    PARENT,
    REFERENCE,
    Client,
    State,
    add,
    client_of,
    new_secret,
    update,
)


@pytest.fixture(scope="module")
def client(cloud: RunningCloud) -> Iterator[Client]:
    with client_of(cloud) as opened:
        yield opened


@pytest.fixture
def secret(client: Client) -> str:
    """A new secret's name."""
    return new_secret(client, labels={"use": "study-key"})


@pytest.mark.rule("secretmanager.access.latest", f"{DOCS}/access-secret-version")
def test_latest_is_the_newest_version_and_numbers_stay(client: Client, secret: str) -> None:
    with pytest.raises(exceptions.NotFound, match=r"not found or has no versions"):
        client.access_secret_version(name=f"{secret}/versions/latest")
    first = add(client, secret, b"\x00one\xff")
    second = add(client, secret, b"two")
    assert (first, second) == (f"{secret}/versions/1", f"{secret}/versions/2")
    latest = client.access_secret_version(name=f"{secret}/versions/latest")
    assert (latest.name, latest.payload.data) == (second, b"two")
    assert client.access_secret_version(name=first).payload.data == b"\x00one\xff"
    # The newest counts, not the newest that is enabled.
    client.disable_secret_version(name=second)
    with pytest.raises(exceptions.BadRequest, match=r"versions/2.*DISABLED"):
        client.access_secret_version(name=f"{secret}/versions/latest")


@pytest.mark.rule("secretmanager.versions.states", f"{DOCS}/disable-secret-version")
def test_a_version_is_disabled_enabled_and_destroyed(client: Client, secret: str) -> None:
    name = add(client, secret, b"value")
    assert client.disable_secret_version(name=name).state == State.DISABLED
    with pytest.raises(exceptions.BadRequest, match="DISABLED"):
        client.access_secret_version(name=name)
    assert client.enable_secret_version(name=name).state == State.ENABLED
    assert client.access_secret_version(name=name).payload.data == b"value"
    destroyed = client.destroy_secret_version(name=name)
    assert destroyed.state == State.DESTROYED
    assert destroyed.destroy_time is not None
    for refused in (
        client.access_secret_version,
        client.enable_secret_version,
        client.disable_secret_version,
        client.destroy_secret_version,
    ):
        with pytest.raises(exceptions.BadRequest, match="DESTROYED"):
            refused(name=name)


@pytest.mark.rule("secretmanager.versions.list", f"{DOCS}/list-secret-versions")
def test_versions_are_listed_newest_first_in_pages(client: Client, secret: str) -> None:
    names = [add(client, secret, bytes([number])) for number in range(1, 6)]
    listed = client.list_secret_versions(request={"parent": secret, "page_size": 2})
    assert [version.name for version in listed] == names[::-1]
    client.disable_secret_version(name=names[0])
    request = {"parent": secret, "filter": "state:DISABLED"}
    assert [v.name for v in client.list_secret_versions(request=request)] == names[:1]


@pytest.mark.rule("secretmanager.list.filter", f"{DOCS}/filtering")
def test_secrets_are_filtered_by_name_label_time_and_replication(client: Client) -> None:
    tag = uuid.uuid4().hex[:8]
    plain = new_secret(client, labels={"batch": tag, "env": "test"})
    replicas = {"replicas": [{"location": "europe-west4"}]}
    managed = new_secret(client, labels={"batch": tag}, replication={"user_managed": replicas})

    def found(expression: str) -> set[str]:
        request = {"parent": PARENT, "filter": f"labels.batch={tag} AND {expression}"}
        return {secret.name for secret in client.list_secrets(request=request)}

    short = plain.rpartition("-")[2]
    assert found(f"name:{short}") == found(short) == {plain}
    assert found("labels.env:*") == found("NOT replication.user_managed:*") == {plain}
    assert found("replication.user_managed.replicas.location=europe-west4") == {managed}
    assert found("create_time>2021-01-01T06:00:00Z") == {plain, managed}
    assert found("(labels.env=prod OR replication.userManaged:*)") == {managed}
    for wrong in ("labels.env=", "(name:a", "colour:red", "NOT " * 40 + "name:a", '"open'):
        with pytest.raises(exceptions.BadRequest, match="filter"):
            found(wrong)


@pytest.mark.rule("secretmanager.list.pages", f"{REFERENCE}/list")
def test_secrets_are_listed_in_pages_with_their_number(client: Client) -> None:
    tag = uuid.uuid4().hex[:8]
    parent = f"projects/pages-{tag}"
    for letter in "abc":
        client.create_secret(parent=parent, secret_id=letter, secret=AUTOMATIC)
    first = next(client.list_secrets(request={"parent": parent, "page_size": 2}).pages)
    assert ([s.name[-1] for s in first.secrets], first.total_size) == (["a", "b"], 3)
    names = [s.name for s in client.list_secrets(request={"parent": parent, "page_size": 2})]
    assert names == [f"{parent}/secrets/{letter}" for letter in "abc"]
    with pytest.raises(exceptions.BadRequest, match="token"):
        list(client.list_secrets(request={"parent": parent, "page_token": "%%"}))


@pytest.mark.rule("secretmanager.update.mask", f"{REFERENCE}/patch")
def test_fields_are_updated_by_mask_and_one_that_is_absent_is_cleared(
    client: Client, secret: str
) -> None:
    changed = update(client, secret, "labels", labels={"use": "other"})
    assert dict(changed.labels) == {"use": "other"}
    assert dict(update(client, secret, "annotations", annotations={"a.b": "C"}).labels) == {
        "use": "other"
    }
    assert dict(update(client, secret, "labels").labels) == {}
    for path in ("name", "create_time", "etag"):
        with pytest.raises(exceptions.BadRequest, match="updateMask"):
            update(client, secret, path)


@pytest.mark.rule("secretmanager.replication.immutable", REFERENCE)
def test_replication_is_chosen_once(client: Client, secret: str) -> None:
    replicas = {"replicas": [{"location": "us-east1"}, {"location": "us-west1"}]}
    managed = new_secret(client, replication={"user_managed": replicas})
    version = client.add_secret_version(parent=managed, payload={"data": b"x"})
    locations = [r.location for r in version.replication_status.user_managed.replicas]
    assert locations == ["us-east1", "us-west1"]
    with pytest.raises(exceptions.BadRequest, match="replication"):
        update(client, secret, "replication", replication={"user_managed": replicas})
    for wrong in ({}, {"user_managed": {}}, {"user_managed": {"replicas": [{}]}}):
        with pytest.raises(exceptions.BadRequest, match="eplication"):
            new_secret(client, replication=wrong)


@pytest.mark.rule("secretmanager.delete", f"{REFERENCE}/delete")
def test_a_deleted_secret_takes_its_versions_along(client: Client, secret: str) -> None:
    add(client, secret, b"x")
    client.delete_secret(name=secret)
    for read in (client.get_secret, client.delete_secret):
        with pytest.raises(exceptions.NotFound):
            read(name=secret)
    with pytest.raises(exceptions.NotFound):
        client.access_secret_version(name=f"{secret}/versions/1")


@pytest.mark.rule("secretmanager.create.id", f"{REFERENCE}/create")
def test_a_secret_id_is_unique_and_of_few_characters(client: Client, secret: str) -> None:
    for secret_id, error in (
        (secret.rpartition("/")[2], exceptions.Conflict),
        ("a b", exceptions.BadRequest),
        ("x" * 256, exceptions.BadRequest),
    ):
        with pytest.raises(error):
            client.create_secret(parent=PARENT, secret_id=secret_id, secret=AUTOMATIC)


@pytest.mark.rule("secretmanager.payload.checksum", f"{DOCS}/data-integrity")
def test_a_checksum_is_verified_and_returned(client: Client, secret: str) -> None:
    right = {"data": b"two", "data_crc32c": google_crc32c.value(b"two")}
    added = client.add_secret_version(parent=secret, payload=right)
    assert added.client_specified_payload_checksum
    read = client.access_secret_version(name=added.name).payload
    assert read.data_crc32c == google_crc32c.value(b"two")
    with pytest.raises(exceptions.BadRequest, match="checksum"):
        client.add_secret_version(parent=secret, payload={"data": b"two", "data_crc32c": 1})


@pytest.mark.rule("secretmanager.payload.size", f"{DOCS}/reference/rest/v1/SecretPayload")
def test_a_payload_is_64_kib_at_most(client: Client, secret: str) -> None:
    largest = add(client, secret, b"x" * 65536)
    assert len(client.access_secret_version(name=largest).payload.data) == 65536
    with pytest.raises(exceptions.BadRequest, match="65536"):
        add(client, secret, b"x" * 65537)
    with pytest.raises(exceptions.BadRequest, match=r"payload\.data"):
        add(client, secret, b"")


@pytest.mark.rule("secretmanager.etags", f"{DOCS}/etags")
def test_a_stale_etag_stops_every_change(client: Client, secret: str) -> None:
    name, stale = add(client, secret, b"x"), client.get_secret(name=secret).etag
    # A change of a version leaves the etag of its secret alone, and the other way round.
    version = client.enable_secret_version(name=name)
    assert client.get_secret(name=secret).etag == stale
    assert update(client, secret, "labels", labels={"a": "b"}).etag != stale
    assert client.get_secret_version(name=name).etag == version.etag
    # An update that changes nothing changes the etag.
    assert client.enable_secret_version(request={"name": name, "etag": version.etag})
    for change in (
        lambda: update(client, secret, "labels", etag=stale),
        lambda: client.delete_secret(request={"name": secret, "etag": stale}),
        lambda: client.disable_secret_version(request={"name": name, "etag": version.etag}),
        lambda: client.destroy_secret_version(request={"name": name, "etag": version.etag}),
    ):
        with pytest.raises(exceptions.BadRequest, match="etag") as refused:
            change()
        assert refused.value.response.json()["error"]["status"] == "FAILED_PRECONDITION"


@pytest.mark.rule("secretmanager.version-aliases", f"{DOCS}/assign-alias-to-secret-version")
def test_a_version_is_read_but_not_changed_by_its_alias(client: Client, secret: str) -> None:
    for data in (b"one", b"two"):
        add(client, secret, data)
    update(client, secret, "version_aliases", version_aliases={"stable": 1, "Next_2": 2})
    assert client.access_secret_version(name=f"{secret}/versions/stable").payload.data == b"one"
    assert client.get_secret_version(name=f"{secret}/versions/Next_2").name.endswith("/2")
    assert dict(client.get_secret(name=secret).version_aliases) == {"stable": 1, "Next_2": 2}
    for alias in ("stable", "latest"):
        with pytest.raises(exceptions.BadRequest, match="number"):
            client.destroy_secret_version(name=f"{secret}/versions/{alias}")
    with pytest.raises(exceptions.NotFound):
        client.access_secret_version(name=f"{secret}/versions/unknown")


@pytest.mark.rule("secretmanager.version-aliases.format", REFERENCE)
@pytest.mark.parametrize("alias", ["latest", "NEW", "1st", "a b", "x" * 64, "gone"])
def test_an_alias_has_a_form_and_a_version(client: Client, secret: str, alias: str) -> None:
    add(client, secret, b"x")
    number = 7 if alias == "gone" else 1
    with pytest.raises(exceptions.BadRequest, match="alias"):
        update(client, secret, "version_aliases", version_aliases={alias: number})


@pytest.mark.rule("secretmanager.labels", f"{DOCS}/manage-labels")
@pytest.mark.parametrize(
    "labels",
    [
        {"Upper": "x"},
        {"1": "x"},
        {"a": "B"},
        {"a": "x" * 64},
        {"a b": "x"},
        {f"k{number}": "" for number in range(65)},
    ],
    ids=["key-case", "key-digit", "value-case", "value-length", "blank", "65"],
)
def test_labels_that_cannot_be_are_refused(
    client: Client, secret: str, labels: dict[str, str]
) -> None:
    with pytest.raises(exceptions.BadRequest, match="abel"):
        update(client, secret, "labels", labels=labels)
    kept = {"größe": "maß_1", "k": ""}
    assert dict(update(client, secret, "labels", labels=kept).labels) == kept


@pytest.mark.rule("secretmanager.annotations", f"{DOCS}/manage-annotations")
def test_annotations_are_16_kib_at_most(client: Client, secret: str) -> None:
    large = {"app.config_path": "x" * 16000}
    assert dict(update(client, secret, "annotations", annotations=large).annotations) == large
    for wrong in ({"a": "x" * 16384}, {"-a": "x"}, {"a" * 64: "x"}):
        with pytest.raises(exceptions.BadRequest, match="nnotation"):
            update(client, secret, "annotations", annotations=wrong)


@pytest.mark.rule("secretmanager.expiration", f"{DOCS}/creating-and-managing-expiring-secrets")
def test_a_secret_expires_with_its_time_and_is_then_gone(client: Client) -> None:
    name = new_secret(client, ttl=timedelta(seconds=0.5))
    add(client, name, b"x")
    shown = client.get_secret(name=name)
    assert 0 < (shown.expire_time - datetime.now(UTC)).total_seconds() < 0.5
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            client.access_secret_version(name=f"{name}/versions/1")
        except exceptions.NotFound:
            break
    with pytest.raises(exceptions.NotFound):
        client.get_secret(name=name)
    kept = new_secret(client, expire_time=datetime.now(UTC) + timedelta(days=1))
    assert update(client, kept, "expire_time").expire_time is None


@pytest.mark.rule("secretmanager.expiration.future", REFERENCE)
def test_an_expiration_lies_in_the_future_and_is_given_once(cloud: RunningCloud) -> None:
    url = f"{cloud.secretmanager}/v1/{PARENT}/secrets?secretId=x-{uuid.uuid4().hex}"
    for wrong in (
        {"expireTime": "2020-01-01T00:00:00Z"},
        {"expireTime": "tomorrow"},
        {"ttl": "-5s"},
        {"ttl": "1h"},
        {"ttl": "99999999999999s"},
        {"ttl": "60s", "expireTime": "2099-01-01T00:00:00Z"},
    ):
        answer = requests.post(url, json={**AUTOMATIC, **wrong}, timeout=10)
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.rule(
    "secretmanager.delayed-destruction", f"{DOCS}/delay-destruction-of-secret-versions"
)
def test_with_a_delay_a_version_is_disabled_first_and_can_be_restored(client: Client) -> None:
    name = add(client, new_secret(client, version_destroy_ttl=timedelta(days=2)), b"x")
    scheduled = client.destroy_secret_version(name=name)
    left = scheduled.scheduled_destroy_time - datetime.now(UTC)
    assert scheduled.state == State.DISABLED
    assert timedelta(days=1.9) < left <= timedelta(days=2)
    restored = client.enable_secret_version(name=name)
    assert (restored.state, restored.scheduled_destroy_time) == (State.ENABLED, None)
    assert client.access_secret_version(name=name).payload.data == b"x"
    for wrong in (timedelta(hours=23), timedelta(days=1001)):
        with pytest.raises(exceptions.BadRequest, match="version_destroy_ttl"):
            new_secret(client, version_destroy_ttl=wrong)


@pytest.mark.rule("secretmanager.list.deleted", "https://google.aip.dev/158")
def test_a_list_goes_on_behind_what_was_deleted_meanwhile(client: Client) -> None:
    label = uuid.uuid4().hex[:8]
    made = sorted(new_secret(client, labels={"list": label}) for _ in range(4))
    request = {"parent": PARENT, "filter": f"labels.list={label}", "page_size": 2}
    pages = client.list_secrets(request=request).pages
    first = [secret.name for secret in next(pages).secrets]
    client.delete_secret(name=first[-1])
    rest = [secret.name for secret in next(pages).secrets]
    assert first + rest == made


@pytest.mark.rule("secretmanager.iam-policy", f"{DOCS}/manage-access-to-secrets")
def test_a_policy_is_kept_with_its_etag_and_goes_with_the_secret(
    client: Client, secret: str
) -> None:
    binding = {"role": "roles/secretmanager.secretAccessor", "members": ["user:a@example.com"]}
    first = client.get_iam_policy(request={"resource": secret})
    policy = {"bindings": [binding], "etag": first.etag}
    client.set_iam_policy(request={"resource": secret, "policy": policy})
    kept = client.get_iam_policy(request={"resource": secret})
    assert [(b.role, list(b.members)) for b in kept.bindings] == [
        (binding["role"], binding["members"])
    ]
    with pytest.raises(exceptions.Conflict):
        client.set_iam_policy(request={"resource": secret, "policy": policy})
    asked = ["secretmanager.versions.access"]
    tested = client.test_iam_permissions(request={"resource": secret, "permissions": asked})
    assert list(tested.permissions) == asked
    client.delete_secret(name=secret)
    client.create_secret(parent=PARENT, secret_id=secret.rpartition("/")[2], secret=AUTOMATIC)
    assert not client.get_iam_policy(request={"resource": secret}).bindings


@pytest.mark.rule("secretmanager.unknown-field", "https://cloud.google.com/apis/design/errors")
def test_an_unknown_field_is_refused_by_its_name(cloud: RunningCloud, secret: str) -> None:
    url = f"{cloud.secretmanager}/v1/{secret}:addVersion"
    answer = requests.post(url, json={"paylod": {}}, timeout=10)
    assert (answer.status_code, "paylod" in answer.text) == (400, True)
    regional = f"{cloud.secretmanager}/v1/{PARENT}/locations/us-east1/secrets"
    assert requests.get(regional, timeout=10).status_code == 501


@pytest.mark.rule("secretmanager.json.null", "https://protobuf.dev/programming-guides/json/")
@pytest.mark.parametrize(
    "secret",
    [
        {"replication": None},
        {**AUTOMATIC, "topics": [None]},
        {"replication": {"userManaged": {"replicas": [None]}}},
        {**AUTOMATIC, "topics": {}},
        [],
    ],
)
def test_null_where_it_means_nothing_is_refused(cloud: RunningCloud, secret: object) -> None:
    url = f"{cloud.secretmanager}/v1/{PARENT}/secrets?secretId=x-{uuid.uuid4().hex}"
    answer = requests.post(url, json=secret, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    unset = {**AUTOMATIC, "labels": {"a": None}, "expireTime": None}
    assert requests.post(url, json=unset, timeout=10).status_code == 200


@pytest.mark.rule("localcloud.secretmanager.durable", "include/localcloud/docs/secretmanager.md")
def test_what_was_acknowledged_survives_a_kill(start_cloud: StartCloud, tmp_path: Path) -> None:
    with start_cloud(tmp_path) as running:
        client = client_of(running)
        name = new_secret(client)
        first, second = add(client, name, b"the first payload"), add(client, name, b"two")
        client.destroy_secret_version(name=first)
        running.process.kill()
    with start_cloud(tmp_path) as running:
        client = client_of(running)
        assert client.access_secret_version(name=second).payload.data == b"two"
        assert client.get_secret_version(name=first).state == State.DESTROYED
        assert add(client, name, b"three").endswith("/versions/3")
    # Once the server has stopped, what was destroyed is nowhere on the disk.
    files = list(tmp_path.glob("secretmanager.sqlite*"))
    assert files
    assert not any(b"the first payload" in file.read_bytes() for file in files)
