"""Every element of a resource with its type, which JSON alone does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Element:
    """One element that has children.

    ``type`` is its datatype or, of a part of a resource, the path of that part without dots, such
    as ``BundleEntryRequest`` of ``Bundle.entry.request``. ``model`` is that of fhir.resources.
    ``built`` is false within a resource that the store already had and that only gets another
    status: people and earlier versions may have put there what is not ours to judge.
    """

    type: str
    path: str
    model: Any
    built: bool

    def get(self, name: str) -> Any:
        return getattr(self.model, name, None)


def elements(model: Any, path: str, *, built: bool = True) -> Iterator[Element]:
    """Yield ``model`` and all that it holds, parents first, in the order of the document."""
    kind = model.get_resource_type()
    if kind == "Task":
        built = not is_withdrawn(kind, model.status)
    yield Element(kind, path, model, built)
    names = _field_names(model.__class__)
    for name in model.model_fields_set:
        value = getattr(model, name)
        place = f"{path}.{names.get(name, name)}"
        if isinstance(value, list):
            for index, item in enumerate(value):
                if hasattr(item, "model_fields_set"):
                    yield from elements(item, f"{place}.{index}", built=built)
        elif hasattr(value, "model_fields_set"):
            yield from elements(value, place, built=built)


def first_empty(element: Any, path: str) -> str | None:
    """Return where the first empty member is: JSON of FHIR has no null, "", [] and {}."""
    if isinstance(element, dict):
        members: Any = element.items()
    elif isinstance(element, list):
        members = enumerate(element)
    else:
        return None if element is not None and element != "" else path
    if not element:
        return path
    found = (first_empty(value, f"{path}.{name}") for name, value in members)
    return next(filter(None, found), None)


def is_withdrawn(kind: str, status: object) -> bool:
    """Tell whether a resource is an older Task of the store that is only being cancelled."""
    return kind == "Task" and status == "cancelled"


@cache
def _field_names(model: Any) -> dict[str, str]:
    return {name: field.alias or name for name, field in model.model_fields.items()}
