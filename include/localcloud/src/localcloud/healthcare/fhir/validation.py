"""Is this JSON an R4 resource? Structure, types, required elements, reference types.

These are the base-profile checks the Healthcare API makes by default; terminology bindings are
not among them. ``null`` counts as present, as Google's R4 stores accept it for required elements.
Source: https://cloud.google.com/healthcare-api/docs/fhir and the ValidationConfig of fhirStores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from localcloud.healthcare.fhir.definitions import Definitions, Element, Json
from localcloud.healthcare.fhir.outcomes import FhirError, invalid_resource, unparseable
from localcloud.healthcare.fhir.primitives import ID, defect
from localcloud.healthcare.fhir.references import is_foreign, parse_local

# Far beyond any real resource; keeps every later walk within Python's stack.
_MAX_DEPTH = 64
_ELEMENT_FIELDS = frozenset({"id", "extension"})


@dataclass(frozen=True)
class Checks:
    """Which optional checks a store makes; from its ``validationConfig``.

    ``guides`` are the implementation guides whose profiles its resources must conform to.
    """

    required_elements: bool = True
    reference_types: bool = True
    guides: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: Mapping[str, object]) -> Checks:
        config = store.get("validationConfig")
        config = config if isinstance(config, dict) else {}
        return cls(
            not config.get("disableRequiredFieldValidation", False),
            not config.get("disableReferenceTypeValidation", False),
            ()
            if config.get("disableProfileValidation", False)
            else tuple(config.get("enabledImplementationGuides", ())),
        )


def check_resource(resource: object, definitions: Definitions, checks: Checks, base: str) -> Json:
    """Return the resource when it is valid R4.

    Parameters
    ----------
    base
        URL of the store's ``fhir`` path: an absolute reference below it is a local one.

    Raises
    ------
    FhirError
        400 with the first defect, located by element and without the value.
    """
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise unparseable('missing "resourceType": send one JSON-encoded FHIR resource')
    walk = _Walk(definitions, checks, base)
    walk.resource(resource, resource["resourceType"])
    if missing := sorted(walk.anchors - walk.contained_ids):
        raise invalid_resource("invariant", f'no contained resource "{missing[0]}"')
    return resource


@dataclass
class _Walk:
    definitions: Definitions
    checks: Checks
    base: str
    contained_ids: set[str] = field(default_factory=lambda: {"#"})
    anchors: set[str] = field(default_factory=set)

    def resource(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise unparseable("want a resource", path)
        resource_type = str(value.get("resourceType"))
        if resource_type not in self.definitions.resource_types:
            raise FhirError(
                400, "not-supported", "bad_resource_type", "unsupported resource type", path
            )
        if "id" in value and not (isinstance(value["id"], str) and ID.fullmatch(value["id"])):
            raise unparseable("invalid id: 1 to 64 of A-Z, a-z, 0-9, - and .", f"{path}.id")
        self.fields({k: v for k, v in value.items() if k != "resourceType"}, resource_type, path)

    def fields(self, value: Json, type_name: str, path: str) -> None:
        if path.count(".") > _MAX_DEPTH:
            raise unparseable("the resource is nested too deeply")
        table = self.definitions.elements[type_name]
        choices: set[str] = set()
        for name, item in value.items():
            place = f"{path}.{name}"
            if name.startswith("_") and (element := table.get(name[1:])) and element.is_primitive:
                self.companions(item, place)
                continue
            element = table.get(name)
            if element is None:
                raise unparseable(f'unknown field "{name}"', path)
            if element.choice in choices:
                raise unparseable(f"more than one of {element.choice}", path)
            choices |= {element.choice} if element.choice else set()
            if item is not None:
                self.element(item, element, place)
        if self.checks.required_elements:
            self.required(value, table, choices, path)

    def required(
        self, value: Json, table: Mapping[str, Element], choices: set[str], path: str
    ) -> None:
        for name, element in table.items():
            present = name in value or f"_{name}" in value or element.choice in choices
            if element.required and not present:
                label = element.choice or name
                raise invalid_resource(
                    "required", f'missing required field "{label}"', f"{path}.{label}"
                )

    def element(self, item: object, element: Element, place: str) -> None:
        if isinstance(item, list) != element.many:
            raise unparseable(f"want {'an array' if element.many else 'a single value'}", place)
        for index, value in enumerate(item) if isinstance(item, list) else [(-1, item)]:
            self.value(value, element, f"{place}[{index}]" if index >= 0 else place)

    def value(self, value: object, element: Element, place: str) -> None:
        if element.is_primitive:
            # A null inside an array stands for an item that has only extensions.
            if value is not None and (wrong := defect(value, element.type)):
                raise unparseable(f"invalid {element.type}: {wrong}", place)
            return
        if element.type == "Resource":
            self.resource(value, place)
            if isinstance(value, dict) and ".contained[" in place:
                self.contained_ids.add(f"#{value.get('id', '')}")
            return
        if not isinstance(value, dict):
            raise unparseable("want an object", place)
        self.fields(value, element.type, place)
        if element.type == "Reference":
            self.reference(value, element, place)

    def reference(self, value: Json, element: Element, place: str) -> None:
        text = value.get("reference") or ""
        if text.startswith("#"):
            self.anchors.add(text)
        if is_foreign(text, self.base):
            raise invalid_resource("value", "a reference to another store is not allowed", place)
        local = parse_local(text, self.base)
        if local is None or not self.checks.reference_types or not element.targets:
            return
        if local.type not in element.targets:
            raise invalid_resource(
                "value",
                f"a reference to {local.type} is not allowed here: want one of "
                + ", ".join(element.targets),
                place,
            )

    def companions(self, item: object, place: str) -> None:
        for value in item if isinstance(item, list) else [item]:
            if value is None:
                continue
            if not isinstance(value, dict) or not value.keys() <= _ELEMENT_FIELDS:
                raise unparseable("want an object with id and extension", place)
            self.fields(value, "Element", place)
