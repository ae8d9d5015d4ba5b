"""The image of a request: where its bytes come from, and its pixels.

Formats: https://cloud.google.com/vision/docs/supported-files; of these, raw camera files and PDF
are not read here.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from localcloud.errors import GoogleError, invalid_argument

MAXIMUM_IMAGE_BYTES = 20 * 1000 * 1000
MAXIMUM_PIXELS = 75_000_000
INVALID_ARGUMENT, PERMISSION_DENIED = 3, 7
"""Numbers of ``google.rpc.Code``, which the error of a single image carries."""


class ObjectReader(Protocol):
    """Reads Cloud Storage for ``gs://`` images; safe to call from any thread."""

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's whole content, or raise GoogleError 404."""


class ImageError(Exception):
    """This image cannot be annotated; the others of the request are. ``code``: google.rpc.Code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Pixels:
    """A decoded image: ``rgb`` (rows, columns, 3) and ``gray`` (rows, columns), 8 bit."""

    rgb: NDArray[np.uint8]
    gray: NDArray[np.uint8]


def image_bytes(image: Mapping[str, Any], objects: ObjectReader | None, where: str) -> bytes:
    """Return the encoded image that ``image`` holds or points at; content goes before source.

    Raises
    ------
    GoogleError
        400 when the content is not base64.
    ImageError
        The image is absent, too large, or cannot be fetched.
    """
    source = image.get("source") or {}
    if content := image.get("content"):
        encoded = _decode_base64(content, where)
    elif uri := source.get("imageUri") or source.get("gcsImageUri"):
        encoded = _fetch(uri, objects)
    else:
        raise ImageError(INVALID_ARGUMENT, "No image present.")
    if len(encoded) > MAXIMUM_IMAGE_BYTES:
        raise ImageError(INVALID_ARGUMENT, f"The image exceeds {MAXIMUM_IMAGE_BYTES} bytes.")
    return encoded


def decode(encoded: bytes) -> Pixels:
    """Decode the first frame of an image; its size is checked before anything is allocated for it.

    Raises
    ------
    ImageError
        Not an image, a damaged one, or one of more than ``MAXIMUM_PIXELS``.
    """
    try:
        with Image.open(BytesIO(encoded)) as image:
            if image.width * image.height > MAXIMUM_PIXELS:
                raise _too_many_pixels()
            if image.mode == "L":
                gray = np.asarray(image)
                return Pixels(np.broadcast_to(gray[:, :, None], (*gray.shape, 3)), gray)
            return Pixels(np.asarray(image.convert("RGB")), np.asarray(image.convert("L")))
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise ImageError(INVALID_ARGUMENT, "Bad image data.") from None


def _too_many_pixels() -> ImageError:
    return ImageError(INVALID_ARGUMENT, f"The image exceeds {MAXIMUM_PIXELS} pixels.")


def _decode_base64(content: str, where: str) -> bytes:
    """Decode ``bytes`` of proto3 JSON: standard or URL-safe alphabet, padded or not."""
    standard = content.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise invalid_argument(
            f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed."
        ) from None


def _fetch(uri: str, objects: ObjectReader | None) -> bytes:
    scheme, _, path = uri.partition("://")
    if scheme != "gs":
        # The local cloud reaches out to nobody; this is how Google answers for a host that refuses.
        raise ImageError(
            PERMISSION_DENIED,
            "We're not allowed to access the URL on your behalf. "
            "Please download the content and pass it in.",
        )
    bucket, _, name = path.partition("/")
    if not bucket or not name:
        raise ImageError(INVALID_ARGUMENT, f"Invalid GCS path specified: {uri}")
    try:
        if objects is None:
            raise GoogleError.of(404, "This Vision service was started without Cloud Storage.")
        return objects.read(bucket, name)
    except GoogleError:
        # Google does not tell an anonymous caller whether the object is absent or forbidden.
        raise ImageError(PERMISSION_DENIED, f"Error opening file: {uri}.") from None
