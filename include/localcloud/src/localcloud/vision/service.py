"""Cloud Vision v1, ``images:annotate`` in its three spellings.

It answers with what it computes from the pixels, the same each time, and with nothing else:
``OBJECT_LOCALIZATION`` gives salient regions (see ``salience``), ``LABEL_DETECTION`` words for
simple statistics (see ``labels``), ``TEXT_DETECTION`` recognised text. None of it is a diagnosis,
nor what Google's models would say of the image. ``imageContext`` is accepted and changes nothing.

Limits: https://cloud.google.com/vision/quotas
"""

from __future__ import annotations

from typing import Any, ClassVar

from localcloud.contract.discovery import Contract
from localcloud.errors import invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService, serves
from localcloud.vision.annotate import annotate
from localcloud.vision.features import read_features
from localcloud.vision.images import ImageError, ObjectReader, decode, image_bytes

MAXIMUM_IMAGES = 16
MAXIMUM_BODY_BYTES = 10 * 1024 * 1024


class VisionService(HttpService):
    """Annotates images; without state.

    Parameters
    ----------
    objects
        Reads the objects behind ``gs://`` image URIs; None makes each of these an error.
    """

    name: ClassVar[str] = "vision"

    def __init__(self, objects: ObjectReader | None = None) -> None:
        super().__init__(Contract("vision", "v1"))
        self._objects = objects

    @serves(
        "vision.images.annotate",
        "vision.projects.images.annotate",
        "vision.projects.locations.images.annotate",
    )
    def annotate_images(self, call: Call) -> Reply:
        """Annotate a batch: an answer for each image in order, a failed one with its own error."""
        if len(call.body) > MAXIMUM_BODY_BYTES:
            raise invalid_argument(
                f"Request payload size exceeds the limit: {MAXIMUM_BODY_BYTES} bytes."
            )
        requests = call.json().get("requests") or []
        if not requests:
            raise invalid_argument("The request has no images; give 1 to 16 in 'requests'.")
        if len(requests) > MAXIMUM_IMAGES:
            raise invalid_argument(
                f"Too many images per request: {len(requests)}; the limit is {MAXIMUM_IMAGES}."
            )
        responses = [self._annotate(request, index) for index, request in enumerate(requests)]
        return Reply.json({"responses": responses})

    def _annotate(self, request: dict[str, Any], index: int) -> dict[str, Any]:
        if not request.get("features") or request.get("image") is None:
            raise invalid_argument("Request must specify image and features.")
        features = read_features(request["features"])
        try:
            where = f"requests[{index}].image.content"
            pixels = decode(image_bytes(request["image"], self._objects, where))
        except ImageError as error:
            return {"error": {"code": error.code, "message": error.message}}
        return annotate(pixels, features)
