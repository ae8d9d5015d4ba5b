"""Cloud Vision: no roles of its own, only the right to use the service in a project.

Source: https://cloud.google.com/vision/docs/authentication and
https://docs.cloud.google.com/iam/docs/roles-permissions/serviceusage
"""

from __future__ import annotations

from localcloud.auth.needs import Table, need

_USE = need("serviceusage.services.use", "{@project}")
_PARENTS = ("vision", "vision.projects", "vision.projects.locations")
_METHODS = (
    "images.annotate",
    "images.asyncBatchAnnotate",
    "files.annotate",
    "files.asyncBatchAnnotate",
)

TABLE: Table = {
    **{f"{parent}.{method}": _USE for parent in _PARENTS for method in _METHODS},
    "vision.operations.get": _USE,
    "vision.operations.list": _USE,
    "vision.operations.cancel": _USE,
    "vision.operations.delete": _USE,
    "vision.locations.operations.get": _USE,
    "vision.projects.operations.get": _USE,
    "vision.projects.locations.operations.get": _USE,
}
