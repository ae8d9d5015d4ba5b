"""A ``DeidentifyConfig`` read and checked, wherever it comes from.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/DeidentifyConfig
"""

from __future__ import annotations

import json
from functools import cache

from localcloud.contract.discovery import Contract
from localcloud.healthcare.dicom.deidentify.instance import Deidentifier, TextRedaction
from localcloud.healthcare.dicom.deidentify.rules import Profile, Rules, parse_tags
from localcloud.healthcare.dicom.deidentify.transformations import Transformations
from localcloud.healthcare.dicom.deidentify.uids import UidMap
from localcloud.healthcare.object_names import ObjectUri
from localcloud.healthcare.resources import Json, given, invalid
from localcloud.objects import CloudObjects

MAX_CONFIG_BYTES = 1 << 20
_URI_FIELD = "gcs_config_uri"
_METHOD = "healthcare.projects.locations.datasets.dicomStores.deidentify"
_FILTERS = ("keepList", "removeList", "filterProfile")


def deidentifier_of(config: Json) -> Deidentifier:
    """Return what a configuration asks for, with UIDs of its own.

    Raises
    ------
    GoogleError
        400 when it contradicts itself or names what does not exist, 501 for Cloud KMS keys.
    """
    return Deidentifier(
        _rules(config.get("dicom") or {}),
        _redaction(config.get("image") or {}),
        Transformations.parse(config.get("text") or {}),
        UidMap(),
    )


def config_uri(body: Json) -> ObjectUri | None:
    """Return where a request's configuration lies, None when it is in the request.

    Raises
    ------
    GoogleError
        400 when it is in both, or the URI is malformed.
    """
    uri = body.get("gcsConfigUri") or ""
    if uri and body.get("config") is not None:
        raise invalid("only one of config and gcs_config_uri can be specified")
    return ObjectUri.parse(uri, _URI_FIELD) if uri else None


def read_config(objects: CloudObjects, uri: ObjectUri) -> Json:
    """Return the configuration in an object of Cloud Storage.

    Raises
    ------
    GoogleError
        404 when it does not exist, 400 when it is no ``DeidentifyConfig``.
    """
    if objects.size(uri.bucket, uri.name) > MAX_CONFIG_BYTES:
        raise invalid(f"the object of {_URI_FIELD} is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        config = json.loads(objects.read(uri.bucket, uri.name))
    except ValueError as error:
        raise invalid(f"the object of {_URI_FIELD} is not JSON") from error
    _contract().check_body(_METHOD, {"config": config})
    return given(config or {})


@cache
def _contract() -> Contract:
    return Contract("healthcare", "v1")


def _rules(config: Json) -> Rules:
    keeps_identity = bool(config.get("skipIdRedaction"))
    given = [name for name in _FILTERS if config.get(name) is not None]
    if len(given) > 1:
        raise invalid(f"config.dicom has more than one of {', '.join(_FILTERS)}")
    if given == ["keepList"]:
        tags = parse_tags(config["keepList"].get("tags", []))
        return Rules.keep_list(tags, keeps_identity)
    if given == ["removeList"]:
        tags = parse_tags(config["removeList"].get("tags", []))
        return Rules.remove_list(tags, keeps_identity)
    name = config.get("filterProfile") or "TAG_FILTER_PROFILE_UNSPECIFIED"
    if name == "MINIMAL_KEEP_LIST_PROFILE":
        return Rules.minimal(keeps_identity)
    if name == "TAG_FILTER_PROFILE_UNSPECIFIED":
        return Rules(Profile.KEEP_ALL, keeps_identity=keeps_identity)
    if name not in (Profile.KEEP_ALL, Profile.BASIC, Profile.TAG_CONTENTS):
        raise invalid(f"invalid config.dicom.filter_profile {name!r}")
    return Rules(Profile(name), keeps_identity=keeps_identity)


def _redaction(config: Json) -> TextRedaction:
    name = config.get("textRedactionMode") or "TEXT_REDACTION_MODE_UNSPECIFIED"
    if name == "TEXT_REDACTION_MODE_UNSPECIFIED":
        return TextRedaction.NONE
    if name not in tuple(TextRedaction):
        raise invalid(f"invalid config.image.text_redaction_mode {name!r}")
    return TextRedaction(name)
