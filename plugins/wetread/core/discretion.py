"""What keeps libraries from repeating what they read: logs must not name a patient."""

from __future__ import annotations

import logging
import warnings

import pydicom


def keep_values_out_of_logs() -> None:
    """Silence pydicom and highdicom for this process; their messages quote values and UIDs.

    A filter for all threads, set once: ``warnings.catch_warnings`` in one thread ends that of
    another. What matters of a value is judged where it is used.
    """
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    for library in ("pydicom", "highdicom"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module=rf"{library}\b")
