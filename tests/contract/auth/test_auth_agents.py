"""Service agents: what services may do to each other, whoever called the first of them."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import storage
from PIL import Image
from tests.contract.auth.clients import PROJECT, TIMEOUT_SECONDS, Account, GuardedCloud, unique
from tests.contract.auth.conftest import Place
from tests.contract.dicom.files import ct_slice, encoded

AGENT = "https://cloud.google.com/healthcare-api/docs/permissions-healthcare-api-gcp-products"
PERMISSION_DENIED = 7
_STUDY, _SERIES = "1.2.826.0.1.1", "1.2.826.0.1.2"


def _allow(bucket: storage.Bucket, role: str, member: str) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": role, "members": {member}})
    bucket.set_iam_policy(policy)


def _finish(owner: Account, operation: dict[str, Any]) -> dict[str, Any]:
    operations = owner.api("healthcare").projects().locations().datasets().operations()
    end = time.monotonic() + TIMEOUT_SECONDS
    while not (found := operations.get(name=operation["name"]).execute()).get("done"):
        assert time.monotonic() < end
        time.sleep(0.05)
    return dict(found)


@pytest.fixture
def bucket(owner: Account) -> storage.Bucket:
    """A new bucket of the owner."""
    return owner.storage().create_bucket(unique("bucket"))


@pytest.fixture
def store(healthcare: Any, place: Place) -> str:
    """A new DICOM store."""
    stores = healthcare.dicomStores()
    made = stores.create(parent=place.dataset, dicomStoreId=unique("store"), body={}).execute()
    return str(made["name"])


@pytest.mark.rule("healthcare.agent.import", AGENT)
def test_an_import_reads_as_the_agent_and_not_as_the_caller(
    guarded: GuardedCloud, owner: Account, healthcare: Any, bucket: storage.Bucket, store: str
) -> None:
    bucket.blob("in/a.dcm").upload_from_string(encoded(ct_slice(_STUDY, _SERIES)))
    stores = healthcare.dicomStores()
    body = {"gcsSource": {"uri": f"gs://{bucket.name}/in/*.dcm"}}
    failed = _finish(owner, stores.import_(name=store, body=body).execute())
    assert failed["error"]["code"] == PERMISSION_DENIED
    assert "storage.objects.list" in failed["error"]["message"]
    assert guarded.agent("healthcare").partition(":")[2] in failed["error"]["message"]
    _allow(bucket, "roles/storage.objectViewer", guarded.agent("healthcare"))
    done = _finish(owner, stores.import_(name=store, body=body).execute())
    assert "response" in done


@pytest.mark.rule("healthcare.agent.export", AGENT)
def test_an_export_writes_as_the_agent(
    guarded: GuardedCloud, owner: Account, healthcare: Any, bucket: storage.Bucket, store: str
) -> None:
    session = owner.session()
    session.post(
        f"{owner.cloud.healthcare}/v1/{store}/dicomWeb/studies",
        data=encoded(ct_slice(_STUDY, _SERIES)),
        headers={"Content-Type": "application/dicom"},
    ).raise_for_status()
    body = {"gcsDestination": {"uriPrefix": f"gs://{bucket.name}/out"}}
    stores = healthcare.dicomStores()
    _allow(bucket, "roles/storage.objectViewer", guarded.agent("healthcare"))
    failed = _finish(owner, stores.export(name=store, body=body).execute())
    assert "error" in failed
    assert list(bucket.list_blobs()) == []
    _allow(bucket, "roles/storage.objectAdmin", guarded.agent("healthcare"))
    assert "response" in _finish(owner, stores.export(name=store, body=body).execute())
    assert len(list(bucket.list_blobs(prefix="out/"))) == 1


@pytest.mark.rule("fhir.agent.import", AGENT)
def test_a_fhir_import_reads_as_the_agent(
    guarded: GuardedCloud, owner: Account, healthcare: Any, bucket: storage.Bucket, place: Place
) -> None:
    bucket.blob("in.ndjson").upload_from_string(b'{"resourceType":"Patient","id":"imported"}\n')
    stores = healthcare.fhirStores()
    body = {
        "contentStructure": "RESOURCE",
        "gcsSource": {"uri": f"gs://{bucket.name}/in.ndjson"},
    }
    failed = _finish(owner, stores.import_(name=place.fhir, body=body).execute())
    assert failed["error"]["code"] == PERMISSION_DENIED
    _allow(bucket, "roles/storage.objectViewer", guarded.agent("healthcare"))
    done = _finish(owner, stores.import_(name=place.fhir, body=body).execute())
    assert "response" in done


@pytest.mark.rule("healthcare.agent.notification", AGENT)
def test_a_store_whose_agent_may_not_publish_takes_no_instance(
    guarded: GuardedCloud, owner: Account, healthcare: Any, place: Place
) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    subscription = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    publisher = owner.publisher()
    publisher.create_topic(name=topic)
    owner.subscriber().create_subscription(name=subscription, topic=topic)
    body = {"notificationConfigs": [{"pubsubTopic": topic}]}
    made = healthcare.dicomStores().create(
        parent=place.dataset, dicomStoreId=unique("store"), body=body
    )
    url = f"{owner.cloud.healthcare}/v1/{made.execute()['name']}/dicomWeb/studies"
    instance = encoded(ct_slice(_STUDY, _SERIES))
    session, headers = owner.session(), {"Content-Type": "application/dicom"}
    assert session.post(url, data=instance, headers=headers).status_code == 403
    policy = publisher.get_iam_policy(request={"resource": topic})
    policy.bindings.add(role="roles/pubsub.publisher", members=[guarded.agent("healthcare")])
    publisher.set_iam_policy(request={"resource": topic, "policy": policy})
    assert session.post(url, data=instance, headers=headers).ok
    pulled = owner.subscriber().pull(subscription=subscription, max_messages=5)
    assert len(pulled.received_messages) == 1


@pytest.mark.rule("fhir.agent.notification", AGENT)
def test_a_fhir_store_whose_agent_may_not_publish_takes_no_resource(
    guarded: GuardedCloud, owner: Account, healthcare: Any, place: Place
) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    subscription = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    publisher = owner.publisher()
    publisher.create_topic(name=topic)
    owner.subscriber().create_subscription(name=subscription, topic=topic)
    body = {"version": "R4", "notificationConfigs": [{"pubsubTopic": topic}]}
    made = healthcare.fhirStores().create(
        parent=place.dataset, fhirStoreId=unique("store"), body=body
    )
    url = f"{owner.cloud.healthcare}/v1/{made.execute()['name']}/fhir/Patient"
    session, headers = owner.session(), {"Content-Type": "application/fhir+json"}

    patient = '{"resourceType": "Patient"}'
    refused = session.post(url, data=patient, headers=headers)
    assert refused.status_code == 403
    assert topic in refused.text
    policy = publisher.get_iam_policy(request={"resource": topic})
    policy.bindings.add(role="roles/pubsub.publisher", members=[guarded.agent("healthcare")])
    publisher.set_iam_policy(request={"resource": topic, "policy": policy})
    announced = session.post(url, data=patient, headers=headers).json()["id"]
    pulled = owner.subscriber().pull(subscription=subscription, max_messages=5)
    (received,) = pulled.received_messages
    assert received.message.data.decode().endswith(f"/Patient/{announced}")


@pytest.mark.rule(
    "storage.agent.notification",
    "https://cloud.google.com/storage/docs/reporting-changes#prereqs",
)
def test_a_bucket_notifies_only_where_storages_agent_may_publish(
    guarded: GuardedCloud, owner: Account, bucket: storage.Bucket
) -> None:
    topic = unique("topic")
    name = f"projects/{PROJECT}/topics/{topic}"
    publisher = owner.publisher()
    publisher.create_topic(name=name)
    config = bucket.notification(topic_name=topic, topic_project=PROJECT)
    with pytest.raises(Forbidden, match="permission to publish"):
        config.create()
    policy = publisher.get_iam_policy(request={"resource": name})
    policy.bindings.add(role="roles/pubsub.publisher", members=[guarded.agent("storage")])
    publisher.set_iam_policy(request={"resource": name, "policy": policy})
    config.create()
    subscription = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    owner.subscriber().create_subscription(name=subscription, topic=name)
    bucket.blob("a").upload_from_string(b"a")
    pulled = owner.subscriber().pull(subscription=subscription, max_messages=5)
    assert pulled.received_messages[0].message.attributes["objectId"] == "a"


@pytest.mark.rule(
    "storage.agent.name", "https://cloud.google.com/storage/docs/projects#service-agents"
)
def test_the_agents_are_named_by_the_project_number(guarded: GuardedCloud, owner: Account) -> None:
    email = owner.storage().get_service_account_email()
    assert guarded.agent("storage") == f"serviceAccount:{email}"
    number = email.removeprefix("service-").partition("@")[0]
    assert guarded.agent("healthcare") == (
        f"serviceAccount:service-{number}@gcp-sa-healthcare.iam.gserviceaccount.com"
    )


@pytest.mark.rule("vision.iam.image-uri", "https://cloud.google.com/vision/docs/authentication")
def test_vision_reads_an_image_only_for_a_caller_that_may(
    guarded: GuardedCloud, bucket: storage.Bucket
) -> None:
    png = io.BytesIO()
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(png, "PNG")
    bucket.blob("a.png").upload_from_string(png.getvalue())
    user = guarded.account("roles/serviceusage.serviceUsageConsumer")
    request = {
        "image": {"source": {"imageUri": f"gs://{bucket.name}/a.png"}},
        "features": [{"type": "LABEL_DETECTION"}],
    }

    def annotate() -> dict[str, Any]:
        url = f"{guarded.cloud.vision}/v1/images:annotate"
        answer = user.session().post(url, json={"requests": [request]})
        answer.raise_for_status()
        return dict(answer.json()["responses"][0])

    assert "error" in annotate()
    _allow(bucket, "roles/storage.objectViewer", user.member)
    assert "error" not in annotate()
