"""What keeps pydicom from repeating what it reads: logs must not name a patient."""

from __future__ import annotations

import logging
import warnings

import pydicom


def keep_values_out_of_logs() -> None:
    """Silence pydicom for this process; its messages quote the values that they are about.

    A filter for all threads, set once: ``warnings.catch_warnings`` in one thread ends that of
    another. What matters of a value is judged where it is used.
    """
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom\b")
