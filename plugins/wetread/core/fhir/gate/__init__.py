"""What a transaction, or a resource by itself, must pass before it is stored (``rules.toml``)."""

from wetread.core.fhir.gate.check import check_bundle, check_resource

__all__ = ["check_bundle", "check_resource"]
