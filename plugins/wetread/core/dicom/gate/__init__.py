"""What a DICOM object must pass before it is stored; ``rules.toml`` lists the rules."""

from wetread.core.dicom.gate.check import check_object

__all__ = ["check_object"]
