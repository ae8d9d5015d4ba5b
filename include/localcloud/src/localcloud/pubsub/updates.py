"""Updates by field mask, for topics and subscriptions alike.

Source: https://google.aip.dev/134
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.pubsub.errors import invalid


def merge(source: Any, target: Any, paths: Sequence[str], updatable: Collection[str]) -> None:
    """Replace in `target` the fields of `source` that `paths` name.

    Raises
    ------
    GoogleError
        INVALID_ARGUMENT when the mask is empty or names a field outside `updatable`.
    """
    if not paths:
        raise invalid("The update_mask in the request must be set and must not be empty.")
    fields = target.DESCRIPTOR.fields_by_name
    for path in paths:
        name = path.split(".")[0]
        if name not in fields:
            raise invalid(f"The update_mask names an unknown field: {path}.")
        if name not in updatable:
            raise invalid(f"The field {path} cannot be updated.")
        if "." not in path:
            # A named field that the request leaves out is thereby cleared.
            target.ClearField(name)
    FieldMask(paths=paths).MergeMessage(source, target, True, True)
