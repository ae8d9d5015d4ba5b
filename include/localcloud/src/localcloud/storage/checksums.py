"""Checksums that a caller sends with data.

Source: https://cloud.google.com/storage/docs/data-validation
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.errors import invalid_argument
from localcloud.state.blobs import Blob


def check(blob: Blob, resource: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Compare every checksum the caller gave with the data received.

    Raises
    ------
    GoogleError
        400 when one differs: the data was damaged on its way.
    """
    given = {"md5": resource.get("md5Hash"), "crc32c": resource.get("crc32c")}
    for item in headers.get("x-goog-hash", "").split(","):
        name, _, value = item.strip().partition("=")
        if name in given and value:
            given[name] = value
    if "content-md5" in headers:
        given["md5"] = headers["content-md5"]
    for name, actual in (("md5", blob.md5_b64), ("crc32c", blob.crc32c_b64)):
        if given[name] and given[name] != actual:
            raise invalid_argument(
                f'Provided {name.upper()} hash "{given[name]}" doesn\'t match calculated '
                f'{name.upper()} hash "{actual}". Send the data again.'
            )
