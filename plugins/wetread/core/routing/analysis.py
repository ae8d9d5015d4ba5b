"""One analysis: which series it takes, which model answers, and how; a wrong one cannot be made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from wetread.core.canonical import digest
from wetread.core.pixels.sampling_rules import parse_sampling
from wetread.core.routing.attributes import Form, code_value, routing_attributes
from wetread.core.routing.conditions import Condition, Range
from wetread.core.terminology import terminology

ANY_MODALITY: Final = ("*",)
TIMEOUT_LIMIT_SECONDS: Final = 3600
"""The longest that a prediction may take at a dedicated endpoint of Vertex AI."""

_SLIDES: Final = ("SM",)
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ENDPOINT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,126}[A-Za-z0-9])?")
_HEAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.json")
_CARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.md")


class Kind(StrEnum):
    """What a model's answer may be taken for."""

    GENERAL_PURPOSE = "general-purpose"
    SPECIALISED = "specialised"


class Scope(StrEnum):
    """What one call of the model is about."""

    SERIES = "series"
    STUDY = "study"


class Input(StrEnum):
    """What the model is sent."""

    FRAMES = "frames"
    VOLUME = "volume"
    TILES = "tiles"
    REFERENCE = "reference"


class Adapter(StrEnum):
    """How the model's answer is read."""

    VISION = "vision"
    DETECTIONS = "detections"
    CXR_FOUNDATION = "cxr-foundation"
    PATH_FOUNDATION = "path-foundation"
    MEDSIGLIP = "medsiglip"
    MEDGEMMA = "medgemma"


EMBEDDING_ADAPTERS: Final = frozenset(
    {Adapter.CXR_FOUNDATION, Adapter.PATH_FOUNDATION, Adapter.MEDSIGLIP}
)
"""Their models answer with vectors, which a linear head turns into scores."""


INPUTS: Mapping[Adapter, frozenset[Input]] = MappingProxyType(
    {
        Adapter.VISION: frozenset({Input.FRAMES}),
        Adapter.DETECTIONS: frozenset({Input.FRAMES, Input.VOLUME, Input.REFERENCE}),
        Adapter.CXR_FOUNDATION: frozenset({Input.FRAMES, Input.REFERENCE}),
        Adapter.PATH_FOUNDATION: frozenset({Input.TILES}),
        Adapter.MEDSIGLIP: frozenset({Input.FRAMES, Input.REFERENCE, Input.TILES}),
        Adapter.MEDGEMMA: frozenset({Input.FRAMES}),
    }
)
"""What the models of each adapter can be sent."""


class Mode(StrEnum):
    """Whether the model is asked, and whether anybody sees what it says."""

    LIVE = "live"
    SHADOW = "shadow"
    OFF = "off"


@dataclass(frozen=True)
class Analysis:
    """One row of ``analyses.toml``, whose head explains the fields.

    ``findings`` holds the score in 0..1 from which each finding code counts.

    Raises
    ------
    ValueError
        The row contradicts itself; the message names the row and the field.
    """

    id: str
    title: str
    kind: Kind
    input: Input
    adapter: Adapter
    modality: tuple[str, ...] = ANY_MODALITY
    body_part: tuple[str, ...] = ()
    attributes: Mapping[str, Condition] = field(default_factory=dict, hash=False)
    scope: Scope = Scope.SERIES
    sampling: str = ""
    endpoint: str = ""
    timeout_seconds: int = 60
    mode: Mode = Mode.LIVE
    findings: Mapping[str, float] = field(default_factory=dict, hash=False)
    head: str = ""
    prompt: str = ""
    card: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        object.__setattr__(self, "findings", MappingProxyType(dict(self.findings)))
        for name, holds, message in _RULES:
            if not holds(self):
                raise ValueError(f"[analysis.{self.id}] {name} {message}")

    @property
    def is_vision(self) -> bool:
        """Whether Vision AI answers, and not an endpoint of Vertex AI."""
        return self.adapter is Adapter.VISION

    @property
    def is_on(self) -> bool:
        return self.mode is not Mode.OFF

    @property
    def is_live(self) -> bool:
        return self.mode is Mode.LIVE

    @property
    def digest(self) -> str:
        """The digest of the whole row."""
        return digest(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON, every field of it."""
        stored = {item.name: getattr(self, item.name) for item in fields(self)}
        return stored | {
            "modality": list(self.modality),
            "body_part": list(self.body_part),
            "attributes": {name: c.as_json() for name, c in self.attributes.items()},
            "findings": dict(self.findings),
        }


def _is_sampling(analysis: Analysis) -> bool:
    try:
        rule = parse_sampling(analysis.sampling)
    except ValueError:
        return False
    return rule.way != "tiles" or analysis.modality == _SLIDES


def _fit(analysis: Analysis) -> bool:
    """Tell whether each condition is of the form of its attribute."""
    known = routing_attributes()
    return all(
        isinstance(condition, Range) == (known[keyword].form is Form.NUMBER)
        for keyword, condition in analysis.attributes.items()
    )


def _are_codes(values: tuple[str, ...]) -> bool:
    return all(value and code_value(value) == value for value in values)


_RULES: tuple[tuple[str, Callable[[Analysis], bool], str], ...] = (
    ("id", lambda a: bool(_ID.fullmatch(a.id)), "must be a-z, 0-9 and hyphens, 63 at most."),
    ("title", lambda a: bool(a.title.strip()), "must not be empty."),
    (
        "modality",
        lambda a: (
            a.modality == ANY_MODALITY
            or (bool(a.modality) and set(a.modality) <= terminology().modalities.keys())
        ),
        'must list modalities of DICOM, or be ["*"].',
    ),
    (
        "body_part",
        lambda a: _are_codes(a.body_part),
        "must list values in upper case, 16 characters at most.",
    ),
    (
        "attributes",
        lambda a: a.attributes.keys() <= routing_attributes().keys(),
        "must be keywords of attributes.toml.",
    ),
    (
        "attributes",
        _fit,
        "must give numbers a range, { min = , max = }, and all others a list of values.",
    ),
    (
        "sampling",
        lambda a: not a.sampling or _is_sampling(a),
        "is no sampling rule of such series.",
    ),
    (
        "sampling",
        lambda a: not a.sampling or a.input in (Input.FRAMES, Input.TILES),
        "concerns frames and tiles; a volume and a reference are sent whole.",
    ),
    (
        "input",
        lambda a: a.input is not Input.TILES or a.modality == _SLIDES,
        'tiles are of slides: modality must be ["SM"].',
    ),
    (
        "input",
        lambda a: a.input in INPUTS[a.adapter],
        "is none that models of this adapter take.",
    ),
    (
        "scope",
        lambda a: a.scope is Scope.SERIES or a.input is Input.VOLUME,
        "study goes with the input volume: one address for all series.",
    ),
    (
        "adapter",
        lambda a: not a.is_vision or a.kind is Kind.GENERAL_PURPOSE,
        "vision is general-purpose, never specialised.",
    ),
    (
        "endpoint",
        lambda a: not a.endpoint if a.is_vision else bool(_ENDPOINT.fullmatch(a.endpoint)),
        "must be an endpoint's display name, 128 characters at most; empty for vision.",
    ),
    (
        "timeout_seconds",
        lambda a: 1 <= a.timeout_seconds <= TIMEOUT_LIMIT_SECONDS,
        f"must lie in 1 to {TIMEOUT_LIMIT_SECONDS}.",
    ),
    (
        "findings",
        lambda a: a.kind is Kind.SPECIALISED or not a.findings,
        "belong to specialised analyses; a general-purpose one has none.",
    ),
    (
        "findings",
        lambda a: a.findings.keys() <= terminology().findings.keys(),
        "must be finding codes of terminology.toml.",
    ),
    (
        "findings",
        lambda a: all(0 < threshold <= 1 for threshold in a.findings.values()),
        "must have thresholds above 0 and up to 1.",
    ),
    (
        "findings",
        lambda a: a.adapter is not Adapter.MEDGEMMA or not a.findings,
        "cannot come of medgemma: its answers are free text, which is never read as a finding.",
    ),
    (
        "head",
        lambda a: (
            bool(_HEAD.fullmatch(a.head)) and bool(a.findings)
            if a.adapter in EMBEDDING_ADAPTERS
            else not a.head
        ),
        "must name the weights (JSON) that score the embeddings of a foundation model, which then"
        " has findings; no other model has any.",
    ),
    (
        "prompt",
        lambda a: bool(a.prompt.strip()) == (a.adapter is Adapter.MEDGEMMA),
        "must say what medgemma is asked; no other model has one.",
    ),
    (
        "card",
        lambda a: bool(_CARD.fullmatch(a.card)) or (not a.card and a.kind is Kind.GENERAL_PURPOSE),
        "must be the file name of a model card, such as my-model.md.",
    ),
)
