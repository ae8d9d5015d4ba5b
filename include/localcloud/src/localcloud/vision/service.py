"""Cloud Vision v1: ``images:annotate`` and ``images:asyncBatchAnnotate`` in their three spellings.

It answers with what it computes from the pixels, the same each time, and with nothing else:
``OBJECT_LOCALIZATION`` gives salient regions (see ``salience``), ``LABEL_DETECTION`` words for
simple statistics (see ``labels``), ``TEXT_DETECTION`` recognised text. None of it is a diagnosis,
nor what Google's models would say of the image. Of ``imageContext``, only the aspect ratios of
crop hints change anything.

Limits: https://cloud.google.com/vision/quotas
"""

from __future__ import annotations

from typing import ClassVar

from localcloud.behaviour import BehaviourSwitch
from localcloud.bodies import message_of
from localcloud.contract.discovery import Contract
from localcloud.errors import invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService, serves
from localcloud.longrunning import Operations
from localcloud.state.database import Database
from localcloud.vision.batches import BatchMethods, CloudObjects
from localcloud.vision.requests import Requests

MAXIMUM_IMAGES = 16
MAXIMUM_BODY_BYTES = 10 * 1024 * 1024


class VisionService(HttpService):
    """Annotates images; its only state are the operations of asynchronous batches.

    Parameters
    ----------
    objects
        Reads the objects behind ``gs://`` image URIs and writes the results of batches.
    """

    name: ClassVar[str] = "vision"

    def __init__(
        self, objects: CloudObjects, database: Database, behaviour: BehaviourSwitch
    ) -> None:
        super().__init__(Contract("vision", "v1"))
        self._requests = Requests(objects, behaviour)
        self._operations = Operations(database, behaviour)
        self.register(BatchMethods(objects, self._requests, self._operations))
        self._operations.resume()

    def close(self) -> None:
        """Stop working on operations; they go on at the next start."""
        self._operations.close()

    @serves(
        "vision.images.annotate",
        "vision.projects.images.annotate",
        "vision.projects.locations.images.annotate",
    )
    def annotate_images(self, call: Call) -> Reply:
        """Annotate a batch: an answer for each image in order, a failed one with its own error."""
        if len(call.payload) > MAXIMUM_BODY_BYTES:
            raise invalid_argument(
                f"Request payload size exceeds the limit: {MAXIMUM_BODY_BYTES} bytes."
            )
        requests = message_of(call).get("requests") or []
        if not requests:
            raise invalid_argument("The request has no images; give 1 to 16 in 'requests'.")
        if len(requests) > MAXIMUM_IMAGES:
            raise invalid_argument(
                f"Too many images per request: {len(requests)}; the limit is {MAXIMUM_IMAGES}."
            )
        answers = [
            self._requests.answer(request, f"requests[{index}]")
            for index, request in enumerate(requests)
        ]
        return Reply.json({"responses": answers})
