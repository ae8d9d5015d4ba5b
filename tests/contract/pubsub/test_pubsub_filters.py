"""Filters: which messages a subscription is owed, by their attributes."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from tests.contract.pubsub.clients import Clients, data_of

FILTERS = "https://cloud.google.com/pubsub/docs/subscription-message-filter"
MESSAGES = {
    b"ct": {"modality": "CT", "action": "StoreInstances"},
    b"mr": {"modality": "MR", "action": "DeleteInstances"},
    b"odd": {"iana.org/language_tag": "en", "quote": 'say "hi"', "action": "StoreInstances"},
    b"bare": {"dash-ed": ""},
}
EXPECTED = {
    "": "ct mr odd bare",
    "attributes:modality": "ct mr",
    "NOT attributes:modality": "odd bare",
    "-attributes:modality": "odd bare",
    'attributes.modality = "CT"': "ct",
    'attributes.modality="CT"': "ct",
    'attributes.modality != "CT"': "mr odd bare",
    'attributes:modality AND attributes.modality != "CT"': "mr",
    'attributes.modality = "CT" OR attributes.modality = "MR"': "ct mr",
    'hasPrefix(attributes.action, "Store")': "ct odd",
    'hasPrefix(attributes.action, "Store") AND NOT (attributes:modality OR attributes:quote)': "",
    'attributes:"iana.org/language_tag"': "odd",
    'attributes."iana.org/language_tag" = "en"': "odd",
    r'attributes.quote = "say \"hi\""': "odd",
    "attributes:dash-ed": "bare",
    'attributes.dash-ed = ""': "bare",
    '(attributes:modality AND attributes:action) OR attributes:"dash-ed"': "ct mr bare",
}
MALFORMED = [
    "modality",
    "attributes",
    "attributes.modality",
    "attributes.modality = CT",
    'attributes.modality = "CT',
    'attributes.modality > "CT"',
    "attributes:a AND attributes:b OR attributes:c",
    "attributes:a AND",
    "(attributes:a",
    "attributes:a)",
    'hasSuffix(attributes.a, "x")',
    'data = "x"',
]


@pytest.mark.rule("pubsub.filters", FILTERS)
def test_each_filter_lets_its_messages_pass(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscriptions = {
        expression: pubsub.subscription(topic, filter=expression) for expression in EXPECTED
    }
    for data, attributes in MESSAGES.items():
        pubsub.publish_messages(topic, [{"data": data, "attributes": attributes}])
    passed = {
        expression: " ".join(each.decode() for each in data_of(pubsub.pull_now(subscription)))
        for expression, subscription in subscriptions.items()
    }
    assert passed == EXPECTED


@pytest.mark.rule("pubsub.filters.syntax", FILTERS)
@pytest.mark.parametrize("expression", MALFORMED)
def test_a_malformed_filter_is_refused(pubsub: Clients, expression: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="filter"):
        pubsub.subscription(pubsub.topic(), filter=expression)
