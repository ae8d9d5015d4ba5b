"""What an installation may set: one frozen record, built once at the edge."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from wetread.core.canonical import digest
from wetread.core.errors import problem
from wetread.core.fhir.elements import plain_text
from wetread.core.fhir.identifiers import ACCESSION_SYSTEM, PATIENT_SYSTEM
from wetread.core.fhir.site import Site
from wetread.core.fhir.times import is_time_zone
from wetread.core.pixels.burned_in.rules import TextPolicy
from wetread.core.pixels.sampling_rules import parse_overrides
from wetread.core.routing.table import (
    AnalysisTable,
    changed_analyses,
    shipped_analyses,
    table_to_json,
)


@dataclass(frozen=True)
class Settings:
    """The content of the Airflow variable ``wetread_settings``; every field has a default."""

    location: str = "us-central1"
    """Where the dataset lives."""
    dataset: str = "imaging"
    dicom_store: str = "studies"
    fhir_store: str = "reports"
    incoming_bucket: str = "wetread-incoming"
    """Holds ``incoming/ staging/ processed/ failed/``."""
    state_bucket: str = "wetread-state"
    """Holds claims, manifests and findings; the one place that maps study keys to UIDs."""
    study_events_topic: str = "study-events"
    critical_alerts_topic: str = "critical-alerts"
    study_key_secret: str = "wetread-study-key"  # noqa: S105 - the name of the secret, not its value
    quiet_period_seconds: int = 60
    """A study without a ``_COMPLETE`` object is complete when nothing arrived for so long."""
    admitted_runs: int = 8
    """Routine runs at a time (2 x the laptop's parallelism); others wait in the state bucket."""
    sampled_frames_per_series: int = 16
    """CT and MR series longer than this are sampled evenly along their geometry."""
    sampling: str = ""
    """Sampling rules that replace those of the [table](outcomes.md): ``CT=every:4 US=key:8``."""
    prefer_ct_presets: bool = False
    """Show CT in the window of its body part even where it declares another."""
    anomaly_threshold: float = 0.8
    """An object at or above this score is an anomaly candidate."""
    vision_max_results: int = 10
    """Objects and labels asked for per image."""
    vision_concurrency: int = 4
    """Vision requests under way at a time, per task."""
    detect_text: bool = False
    """Ask Vision for text, too; off because text in images may name the patient."""
    burned_in_text: str = "mask"
    """Burned-in text is painted over (``mask``), or images with it are not sent (``withhold``)."""
    download_concurrency: int = 8
    """Instances fetched from the DICOM store at a time, per task."""
    frame_limit_bytes: int = 512 * 2**20
    """A frame whose decoded size exceeds this is not decoded."""
    analyses: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Changes to the [analyses](analyses.md) by id: fields, or ``null`` to take one out."""
    model_image: str = ""
    """URI of the container image of the models that ``platform_setup`` deploys; empty: none."""

    patient_system: str = PATIENT_SYSTEM
    """Identifier system of patient numbers whose issuer a header does not name: a URI."""
    accession_system: str = ACCESSION_SYSTEM
    """Identifier system of accession numbers whose issuer a header does not name: a URI."""
    time_zone: str = ""
    """IANA name of the zone of times without an offset, such as `Europe/Vienna`; empty: such a
    study has a date and no time."""
    organization: str = ""
    """Name of the organization that the reports are issued by; empty: they name none."""

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if getattr(self, name) < 1:
                raise problem("settings-invalid", f"{name} must be at least 1.")
        if not 0 < self.anomaly_threshold <= 1:
            raise problem("settings-invalid", "anomaly_threshold must lie in (0, 1].")
        if self.burned_in_text not in set(TextPolicy):
            raise problem("settings-invalid", "burned_in_text must be mask or withhold.")
        try:
            parse_overrides(self.sampling)
        except ValueError:
            raise problem(
                "settings-invalid", "sampling must hold rules such as CT=every:4 US=key:8."
            ) from None
        self._check_site()
        try:
            _ = self.analysis_table
        except ValueError as fault_in_a_row:
            raise problem("settings-invalid", f"analyses: {fault_in_a_row}") from None

    def _check_site(self) -> None:
        for name in ("patient_system", "accession_system"):
            if not _ABSOLUTE_URI.fullmatch(getattr(self, name)):
                raise problem("settings-invalid", f"{name} must be an absolute URI.")
        if self.time_zone and not is_time_zone(self.time_zone):
            raise problem("settings-invalid", "time_zone must be an IANA name: Europe/Vienna.")
        if self.organization != plain_text(self.organization):
            raise problem("settings-invalid", "organization must be one line of text.")

    @property
    def site(self) -> Site:
        """What this installation says of numbers and times whose headers leave it out."""
        return Site(self.patient_system, self.accession_system, self.time_zone)

    @cached_property
    def analysis_table(self) -> AnalysisTable:
        """The analyses of this installation: those that ship with Wetread, and its changes."""
        return changed_analyses(shipped_analyses(), self.analyses)

    @property
    def vision_features(self) -> int:
        """How many features an image is asked for; Vision AI bills each of them as a unit."""
        return 2 + self.detect_text

    @property
    def analysis(self) -> dict[str, Any]:
        """The settings that change what an analysis finds, with the whole table of analyses."""
        return self._common | {"analyses": table_to_json(self.analysis_table)}

    @property
    def analysis_digest(self) -> str:
        """The digest of the settings that change what any analysis finds.

        The table is not part of it: a study depends only on the rows that its plan uses.
        """
        return digest(self._common)

    @property
    def _common(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ANALYSIS - {"analyses"}}

    def with_analysis(self, sealed: Mapping[str, Any]) -> Settings:
        """Return these settings as they were for the analysis when a version was sealed.

        A version that was sealed before there was a table has the one that ships.
        """
        kept = {name: sealed[name] for name in _ANALYSIS & sealed.keys()}
        rows = {row["id"]: row for row in sealed.get("analyses", ())}
        taken_out = dict.fromkeys(shipped_analyses()) if "analyses" in sealed else {}
        return replace(self, **kept | {"analyses": {**taken_out, **rows}})


_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s|]+")
"""FHIR R4, Identifier.system; a bar would end it in a search."""

_POSITIVE = (
    "quiet_period_seconds",
    "admitted_runs",
    "sampled_frames_per_series",
    "vision_max_results",
    "vision_concurrency",
    "download_concurrency",
    "frame_limit_bytes",
)
_ANALYSIS = frozenset(
    {
        "sampled_frames_per_series",
        "sampling",
        "prefer_ct_presets",
        "anomaly_threshold",
        "vision_max_results",
        "detect_text",
        "burned_in_text",
        "frame_limit_bytes",
        "analyses",
    }
)


def settings_from_json(text: str) -> Settings:
    """Read the variable's JSON object; an unknown name or a wrong type is an error, not a default.

    Raises
    ------
    PermanentError
        ``settings-invalid``: the text is no JSON object, or a field is unknown or of another type.
    """
    try:
        stored = json.loads(text)
    except ValueError:
        raise problem("settings-invalid", "wetread_settings is not JSON.") from None
    if not isinstance(stored, dict):
        raise problem("settings-invalid", "wetread_settings is not a JSON object.")
    return Settings(**_checked(stored))


def default_of(setting: Field[Any]) -> Any:
    """Return the default of a field of :class:`Settings`."""
    return getattr(Settings(), setting.name)


def _checked(stored: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {setting.name: type(default_of(setting)) for setting in fields(Settings)}
    checked = {}
    for name, value in stored.items():
        if name not in kinds:
            raise problem("settings-invalid", f"there is no setting called {name!r}.")
        # 1 and 1.0 are one number and must have one digest.
        number = float(value) if kinds[name] is float and type(value) is int else value
        if type(number) is not kinds[name]:
            raise problem("settings-invalid", f"{name} must be a {kinds[name].__name__}.")
        checked[name] = number
    return checked
