"""What every call meets before its handler: faults, quotas and latency."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.behaviour import BehaviourSwitch
from localcloud.faults import Faults
from localcloud.quotas import Quotas


@dataclass(frozen=True)
class Conditions:
    """The rules in force for HTTP and gRPC alike, one set for the whole cloud."""

    faults: Faults
    behaviour: BehaviourSwitch
    quotas: Quotas

    @classmethod
    def of(cls, behaviour: BehaviourSwitch) -> Conditions:
        """Start without faults and with unused quotas."""
        return cls(Faults(), behaviour, Quotas(behaviour))
