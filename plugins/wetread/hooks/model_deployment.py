"""The deployment of models by the connection and the settings."""

from __future__ import annotations

from wetread.gcp.http import HttpApi
from wetread.gcp.model_deployment import ModelDeployment
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
    )
    return deployment.deploy(row for row in settings.analysis_table.values() if row.is_on)
