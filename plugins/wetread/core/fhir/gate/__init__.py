"""What a transaction must pass before any of it is stored; ``rules.toml`` lists the rules."""

from wetread.core.fhir.gate.check import check_bundle

__all__ = ["check_bundle"]
