"""Every adapter by the name that the table of analyses gives it.

An adapter knows one model's language: what an instance looks like, and how to read an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from wetread.core.predictions import (
    cxr_foundation,
    detections,
    medgemma,
    medsiglip,
    path_foundation,
)
from wetread.core.predictions.contract import Prediction, PredictionError, Question
from wetread.core.predictions.payload import Form, Payload


class MakeInstance(Protocol):
    """Return the JSON of one instance of a request; it may hold a token, so never log it."""

    def __call__(self, payload: Payload, question: Question) -> dict[str, Any]: ...


class ReadPrediction(Protocol):
    """Return what an answer to one instance says; never raises, whatever JSON it is given."""

    def __call__(self, prediction: object, question: Question) -> Prediction | PredictionError: ...


@dataclass(frozen=True)
class Adapter:
    """One model's language.

    Parameters
    ----------
    forms : of payload, that its instances can hold
    answers_with_codes : whether its answers may become findings; free text never does
    """

    name: str
    forms: tuple[Form, ...]
    instance: MakeInstance
    read: ReadPrediction
    answers_with_codes: bool = True


ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {
        adapter.name: adapter
        for adapter in (
            Adapter("detections", detections.FORMS, detections.instance, detections.read),
            Adapter(
                cxr_foundation.NAME,
                cxr_foundation.FORMS,
                cxr_foundation.instance,
                cxr_foundation.read,
            ),
            Adapter(
                path_foundation.NAME,
                path_foundation.FORMS,
                path_foundation.instance,
                path_foundation.read,
            ),
            Adapter(medsiglip.NAME, medsiglip.FORMS, medsiglip.instance, medsiglip.read),
            Adapter(
                "medgemma",
                medgemma.FORMS,
                medgemma.instance,
                medgemma.read,
                answers_with_codes=False,
            ),
        )
    }
)
