"""How a picture or a series travels to a model: as bytes, or as an address of it.

A request is one JSON text with a size limit by type of endpoint; base64 makes four bytes of three.
A computed tomography never fits, a single picture often does, and bytes need no credential.
Source: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wetread.core.errors import problem

ENVELOPE_BYTES = 4096
"""What a request holds besides its instances: names, parameters, separators, a bearer token."""

_PROMPT_BYTES = 2048
"""Room for the other fields of an instance when bytes are weighed before one is made."""


class Form(StrEnum):
    """How an instance holds its picture."""

    BYTES = "bytes"
    GCS = "gs"
    DICOMWEB = "dicomweb"


@dataclass(frozen=True)
class EndpointLimits:
    """What one request to an endpoint may weigh and take."""

    request_bytes: int
    timeout_seconds: float


SHARED = EndpointLimits(request_bytes=1_500_000, timeout_seconds=60.0)
DEDICATED = EndpointLimits(request_bytes=10_000_000, timeout_seconds=3600.0)


@dataclass(frozen=True)
class Source:
    """Where one picture or series can be had; an address that does not exist is empty.

    ``content`` is None for what nobody has in memory. Nothing of it is printed: addresses hold
    UIDs.
    """

    content: bytes | None = field(default=None, repr=False)
    gcs_uri: str = field(default="", repr=False)
    dicomweb_uri: str = field(default="", repr=False)


@dataclass(frozen=True)
class Payload:
    """One picture or series in the form in which it is sent; only the form is ever printed."""

    form: Form
    content: bytes = field(default=b"", repr=False)
    uri: str = field(default="", repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.content).decode("ascii")

    def credential(self, name: str) -> dict[str, str]:
        """Return the field ``name`` with the token; nothing where no token is needed."""
        return {name: self.token} if self.token else {}


def choose(
    source: Source,
    forms: Collection[Form],
    limits: EndpointLimits,
    token: str | None,
    subject: str,
) -> Payload:
    """Return the first form that fits: bytes, then Cloud Storage, then DICOMweb.

    Parameters
    ----------
    forms : those that the model's adapter takes
    token : lets the model read what an address names; None where it needs none

    Raises
    ------
    PermanentError
        ``picture-too-large``: too large for bytes, and no address that the model takes.
    """
    if source.content is not None and Form.BYTES in forms and fits(source.content, limits):
        return Payload(Form.BYTES, content=source.content)
    for form, uri in ((Form.GCS, source.gcs_uri), (Form.DICOMWEB, source.dicomweb_uri)):
        if uri and form in forms:
            return Payload(form, uri=uri, token=token)
    raise problem("picture-too-large", f"{subject} fits no form of payload that its model takes.")


def fits(content: bytes, limits: EndpointLimits) -> bool:
    """Tell whether a request to the endpoint can hold a picture as bytes."""
    encoded_bytes = 4 * -(-len(content) // 3)
    return encoded_bytes + _PROMPT_BYTES + ENVELOPE_BYTES <= limits.request_bytes


def batches(
    instances: Iterable[Mapping[str, Any]], limits: EndpointLimits, most_instances: int
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the instances of one request after the other, in order.

    A batch is full when the next instance would make it too heavy, or when it has
    ``most_instances``. An instance that is too heavy by itself travels alone: the endpoint decides.
    """
    batch: list[Mapping[str, Any]] = []
    weight_bytes = ENVELOPE_BYTES
    for instance in instances:
        size_bytes = len(json.dumps(instance)) + len(", ")
        if batch and (
            weight_bytes + size_bytes > limits.request_bytes or len(batch) == most_instances
        ):
            yield batch
            batch, weight_bytes = [], ENVELOPE_BYTES
        batch.append(instance)
        weight_bytes += size_bytes
    if batch:
        yield batch
