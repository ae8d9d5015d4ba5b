"""The deployment of models by the connection and the settings."""

from __future__ import annotations

from urllib.parse import urlsplit

from wetread.gcp.http import HttpApi
from wetread.gcp.model_deployment import ModelDeployment
from wetread.hooks.google_cloud import GoogleCloudHook
from wetread.hooks.installation import Installation
from wetread.hooks.vertex import VertexHook


def deploy_models(gcp_conn_id: str) -> list[str]:
    """Deploy the image of the setting ``model_image``; without one, leave Vertex AI alone."""
    settings = Installation(gcp_conn_id).settings
    if not settings.model_image:
        return []
    hook = VertexHook(gcp_conn_id=gcp_conn_id)
    location = settings.location
    deployment = ModelDeployment(
        api=HttpApi(hook.session(), f"{hook.endpoint('aiplatform', location)}/v1"),
        parent=f"projects/{hook.project_id}/locations/{location}",
        image=settings.model_image,
        environment=container_environment(hook, location),
    )
    return deployment.deploy(settings.analysis_table.values())


def container_environment(hook: GoogleCloudHook, location: str) -> dict[str, str]:
    """Return the variables that let a model read where the connection's endpoints are.

    A model is sent addresses of these endpoints, such as regional ones, and its server reads no
    host that it was not told to trust.
    """
    healthcare = urlsplit(hook.endpoint("healthcare", location))
    port = healthcare.port or (443 if healthcare.scheme == "https" else 80)
    return {
        "MODELSERVER_ALLOW_HOSTS": f"{healthcare.hostname}:{port}",
        "MODELSERVER_STORAGE_ENDPOINT": hook.endpoint("storage", location),
    }
