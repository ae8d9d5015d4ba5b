"""One instance through one model: read it, let the detector look, describe what it found."""

from __future__ import annotations

import json
import traceback
from typing import Any

from modelserver.detections import image_prediction, volume_prediction
from modelserver.errors import CODES, InstanceError
from modelserver.journal import journal
from modelserver.references.reader import Instance, Reader
from modelserver.registry import Model


def predict(model: Model, reader: Reader, instances: tuple[Instance, ...]) -> list[dict[str, Any]]:
    """Return one prediction an instance, in their order; one that fails has an ``error``."""
    return [_predict_one(model, reader, instance) for instance in instances]


def _predict_one(model: Model, reader: Reader, instance: Instance) -> dict[str, Any]:
    try:
        prediction = {"model": model.identity, **_analyse(model, reader, instance)}
        # A number that JSON does not have must cost this instance, not the others.
        json.dumps(prediction, allow_nan=False)
        return prediction
    except InstanceError as error:
        return _error(error)
    except Exception as error:
        if (refusal := _refusal(error)) is not None:
            return _error(refusal)
        # The message may repeat what a header says; the place does not.
        place = traceback.extract_tb(error.__traceback__)[-1]
        journal(
            "model-failed",
            model=model.name,
            error=type(error).__name__,
            place=f"{place.name}:{place.lineno}",
        )
        return _error(InstanceError("INTERNAL", "the model failed; its server's log says where."))


def _analyse(model: Model, reader: Reader, instance: Instance) -> dict[str, Any]:
    if model.input == "volume":
        volume = reader.volume(instance, model.modalities)
        found = model.detector.detect(volume.hounsfield, volume.spacing_mm)
        return volume_prediction(volume, model.codes, found)
    picture = reader.picture(instance, model.modalities)
    found = model.detector.detect(picture.brightness, picture.spacing_mm)
    return image_prediction(picture, model.codes, found)


def _refusal(error: Exception) -> InstanceError | None:
    """Detectors know nothing of this server: their ValueError begins with one of its codes."""
    code, _, why = str(error).partition(": ")
    is_refusal = isinstance(error, ValueError) and code in CODES and why
    return InstanceError(code, why) if is_refusal else None


def _error(error: InstanceError) -> dict[str, Any]:
    return {"error": {"code": error.code, "description": error.description}}
