"""Who makes a call and what it may do, known to a handler without being passed through it.

A handler that needs a further permission asks ``current().require(...)``. Outside a call, and in
a cloud that requires no tokens, everything is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Given an address, a permission and a resource.
Decision = Callable[[str, str, str], bool]
Refusal = Callable[[str, str, str], Exception]


@dataclass(frozen=True)
class Caller:
    """A principal; ``email`` is empty for one that nobody authenticated.

    Parameters
    ----------
    decide
        Whether (email, permission, resource) is granted; None allows everything.
    refuse
        Makes the error for (email, permission, resource).
    """

    email: str = ""
    decide: Decision | None = None
    refuse: Refusal | None = None

    def allows(self, permission: str, resource: str) -> bool:
        """Return whether the caller has a permission on a resource."""
        return self.decide is None or self.decide(self.email, permission, resource)

    def require(self, permission: str, resource: str) -> None:
        """Do nothing when the caller has a permission.

        Raises
        ------
        GoogleError
            403 in the words of the service that the resource belongs to.
        """
        if not self.allows(permission, resource) and self.refuse is not None:
            raise self.refuse(self.email, permission, resource)

    def permitted(self, permissions: Iterable[str], resource: str) -> list[str]:
        """Return those of some permissions that the caller has, as testIamPermissions does."""
        return [permission for permission in permissions if self.allows(permission, resource)]

    def acting_for(self, email: str) -> Caller:
        """Return another principal under the same rules: the service agent that does the work."""
        return Caller(email, self.decide, self.refuse)


UNRESTRICTED = Caller()
_current: ContextVar[Caller] = ContextVar("caller", default=UNRESTRICTED)


def current() -> Caller:
    """Return who the running code works for."""
    return _current.get()


@contextmanager
def acting_as(caller: Caller) -> Iterator[None]:
    """Let the enclosed code work for a caller; threads that it starts do not inherit it."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)
