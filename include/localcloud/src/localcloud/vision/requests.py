"""One ``AnnotateImageRequest``: read, decoded and annotated, with errors of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import invalid_argument
from localcloud.vision.annotate import annotate
from localcloud.vision.features import read_features
from localcloud.vision.images import ImageError, ObjectReader, decode, image_bytes

Json = dict[str, Any]

_SLOTS = 2
"""Images worked on at once: one of 75 million pixels takes some 600 MB while it is."""


class Requests:
    """Answers single images.

    Parameters
    ----------
    objects
        Reads the objects behind ``gs://`` image URIs; None makes each of these an error.
    behaviour
        Whether images are looked at.
    """

    def __init__(self, objects: ObjectReader | None, behaviour: BehaviourSwitch) -> None:
        self._objects = objects
        self._behaviour = behaviour
        self._slots = threading.BoundedSemaphore(_SLOTS)

    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse, with 400 for the whole batch, a request without image or features."""
        if not request.get("features") or request.get("image") is None:
            raise invalid_argument("Request must specify image and features.")
        read_features(request["features"])

    def answer(self, request: Mapping[str, Any], where: str) -> Json:
        """Return an ``AnnotateImageResponse``; what is wrong with this image is in it.

        Raises
        ------
        GoogleError
            400 for the whole batch: ``check`` fails, or the content at ``where`` is not base64.
        """
        self.check(request)
        features = read_features(request["features"])
        try:
            encoded = image_bytes(request["image"], self._objects, f"{where}.image.content")
            if not self._behaviour.current.vision_computes:
                return {}
            with self._slots:
                return annotate(decode(encoded), features, request.get("imageContext") or {})
        except ImageError as error:
            return {"error": {"code": error.code, "message": error.message}}
