"""Which model is deployed for each analysis: another model's findings are other findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from wetread.core.canonical import digest
from wetread.core.errors import PermanentError, RetriableError
from wetread.core.routing.analysis import Analysis
from wetread.gcp.vertex import Endpoint, VertexClient


def deployed_models(
    vertex: Callable[[], VertexClient], analyses: Iterable[Analysis]
) -> Mapping[str, str]:
    """Return a digest of what is deployed for each analysis that Vertex AI answers.

    Where nobody can say it now it is left out: a study is imported, and its report written, without
    Vertex AI. ``vertex`` makes the client, and is not called for nothing.
    """
    known: dict[str, str] = {}
    for analysis in analyses:
        if analysis.is_vision:
            continue
        try:
            known[analysis.id] = _digest(vertex().find_endpoint(analysis.endpoint))
        except PermanentError:
            continue
        except RetriableError:  # the others would wait in vain as long as this one did
            break
    return known


def _digest(endpoint: Endpoint) -> str:
    return digest(sorted([model.model, model.model_version_id] for model in endpoint.deployed))
