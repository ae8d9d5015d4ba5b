"""The Pub/Sub message of an alert: nothing in it leads to a patient without logging in.

The schema stands in docs/reference/alert-message.md.
"""

from __future__ import annotations

from typing import Final

from wetread.core.alerts.alert import Alert
from wetread.core.canonical import canonical_json

SCHEMA_VERSION: Final = 1
NOTICE: Final = "AI candidate - non-diagnostic, not for clinical use"
STATUS: Final = "preliminary"


def alert_message(alert: Alert) -> tuple[bytes, dict[str, str]]:
    """Return the data and the attributes of the message, the same bytes for the same alert.

    The attributes are what subscription filters and de-duplication need; consumers drop a second
    message with the same ``alert_id``. There is no name, number, date of birth, UID or free text:
    pagers and chat are outside the protected stores (45 CFR 164.502(b), minimum necessary).
    """
    attributes = {
        "alert_id": alert.alert_id,
        "study_key": alert.study_key,
        "category": str(alert.category),
        "modality": alert.modality,
        "finding_code": alert.finding_code,
        "status": STATUS,
    }
    data = {
        **attributes,
        "schema_version": SCHEMA_VERSION,
        "version": alert.version,
        "category": alert.category,
        "score": alert.score,
        "created_at": alert.created_at,
        "due_seconds": alert.due_seconds,
        "notice": NOTICE,
        "link": f"/wetread/go/{alert.study_key}/report",
    }
    return canonical_json(data), attributes
