"""What a sample study is, and what the pipeline should make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import dist
from types import MappingProxyType
from typing import NamedTuple

OUTCOMES = ("analysed", "skipped", "unsupported", "quarantined")


class SampleFile(NamedTuple):
    """One object to upload: its name below the study's folder, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True)
class ExpectedFinding:
    """A finding that must be reported, and where.

    ``centre`` is (x, y) in fractions of the image's width and height from the top left corner;
    ``tolerance`` is a distance in the same fractions. It must be seen at least once, and may be
    seen again on any of ``instance_numbers``.
    """

    kind: str
    centre: tuple[float, float]
    tolerance: float
    instance_numbers: range

    def matches(self, kind: str, centre: tuple[float, float], instance_number: int) -> bool:
        """Tell whether a reported finding is this one."""
        distance = max(abs(a - b) for a, b in zip(self.centre, centre, strict=True))
        return (
            kind == self.kind
            and instance_number in self.instance_numbers
            and distance <= self.tolerance
        )


class FoundFinding(NamedTuple):
    """What was reported, as far as :meth:`ExpectedStudy.mismatches` needs it."""

    kind: str
    centre: tuple[float, float]
    instance_number: int


@dataclass(frozen=True)
class ExpectedModelFinding:
    """A coded finding that a specialised model must report, and where.

    ``centre`` is a point in the patient (LPS, mm) where it has three numbers, else (x, y) in
    fractions of the image from the top left corner. ``tolerance`` is the
    distance allowed, in the same unit.
    """

    code: str
    centre: tuple[float, ...]
    tolerance: float
    diameter_mm: float | None = None
    diameter_tolerance_mm: float = 1.0

    def matches(
        self, code: str, centre: tuple[float, ...], diameter_mm: float | None = None
    ) -> bool:
        """Tell whether a reported finding is this one; a diameter counts where one is expected."""
        if code != self.code or len(centre) != len(self.centre):
            return False
        if dist(self.centre, centre) > self.tolerance:
            return False
        if self.diameter_mm is None or diameter_mm is None:
            return self.diameter_mm is None
        return abs(diameter_mm - self.diameter_mm) <= self.diameter_tolerance_mm


class FoundModelFinding(NamedTuple):
    """What a model reported, as far as :meth:`ExpectedStudy.model_mismatches` needs it."""

    code: str
    centre: tuple[float, ...]
    diameter_mm: float | None = None


@dataclass(frozen=True)
class ExpectedStudy:
    """The state a study must reach: the counts add up to ``arrived``, and no finding is extra.

    ``report_says`` are passages of the report's conclusion. ``findings`` are what the
    general-purpose model points at, ``model_findings`` the results of specialised models.
    ``shadow`` names the analyses whose output must be stored and must not be shown. ``objects``
    are the DICOM objects that results become, by modality; ``absent`` are the findings, by their
    display, that a model looked for in vain.
    """

    modality: str
    arrived: int
    outcomes: MappingProxyType[str, int]
    findings: tuple[ExpectedFinding, ...] = ()
    report_says: tuple[str, ...] = ()
    report_status: str = "preliminary"
    alert: bool = False
    model_findings: tuple[ExpectedModelFinding, ...] = ()
    shadow: tuple[str, ...] = ()
    objects: Mapping[str, int] = field(default_factory=lambda: {"SR": 1})
    absent: tuple[str, ...] = ()

    def mismatches(self, found: Sequence[FoundFinding]) -> tuple[str, ...]:
        """Return in words which anomaly is missing from ``found`` or unexpected in it.

        Other kinds of candidates (objects below the threshold) are not findings and do not count.
        """
        anomalies = [f for f in found if f.kind == "anomaly"]
        missing = [
            f"{e.kind} near {e.centre} was not found"
            for e in self.findings
            if not any(e.matches(*f) for f in anomalies)
        ]
        unexpected = [
            f"{f.kind} at {f.centre} of instance {f.instance_number} is not expected"
            for f in anomalies
            if not any(e.matches(*f) for e in self.findings)
        ]
        return (*missing, *unexpected)

    def model_mismatches(self, found: Sequence[FoundModelFinding]) -> tuple[str, ...]:
        """Return in words which model finding is missing from ``found`` or unexpected in it."""
        missing = [
            f"{e.code} within {e.tolerance} of {e.centre} was not found"
            for e in self.model_findings
            if not any(e.matches(*f) for f in found)
        ]
        unexpected = [
            f"{f.code} at {f.centre} ({f.diameter_mm} mm) is not expected"
            for f in found
            if not any(e.matches(*f) for e in self.model_findings)
        ]
        return (*missing, *unexpected)

    def result_mismatches(
        self, objects: Mapping[str, int], absent: Iterable[str]
    ) -> tuple[str, ...]:
        """Return in words which stored objects and absences are missing or too many."""
        kinds = sorted({*self.objects, *objects})
        counts = [(kind, objects.get(kind, 0), self.objects.get(kind, 0)) for kind in kinds]
        wrong = [f"{n} {kind} are stored, expected {m}" for kind, n, m in counts if n != m]
        said = set(absent)
        lost = [f"{name} is not said to be absent" for name in self.absent if name not in said]
        added = [f"{name} is said to be absent" for name in sorted(said.difference(self.absent))]
        return (*wrong, *lost, *added)

    def shadow_mismatches(self, stored: Iterable[str], shown: Iterable[str]) -> tuple[str, ...]:
        """Return in words which shadow analysis left no output, or one that is shown."""
        kept, seen = set(stored), set(shown)
        lost = [f"no output of {name} was stored" for name in self.shadow if name not in kept]
        leaked = [f"the output of {name} is shown" for name in self.shadow if name in seen]
        return (*lost, *leaked)


def outcomes(**counts: int) -> MappingProxyType[str, int]:
    """Return a count for each of the four outcomes, zero where none is given."""
    if unknown := set(counts) - set(OUTCOMES):
        raise ValueError(f"not an outcome: {', '.join(sorted(unknown))}")
    return MappingProxyType({name: counts.get(name, 0) for name in OUTCOMES})


@dataclass(frozen=True)
class SampleStudy:
    """A study that can be made at will: the same bytes each time.

    ``folder`` is the upload folder below ``incoming/``. ``build`` makes the files; it is called by
    :meth:`files`, so that listing the catalogue costs nothing.
    """

    name: str
    description: str
    expected: ExpectedStudy
    build: Callable[[], Iterable[SampleFile]] = field(repr=False)

    @property
    def folder(self) -> str:
        return self.name

    def files(self) -> tuple[SampleFile, ...]:
        return tuple(self.build())
