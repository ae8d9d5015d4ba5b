"""Secret Manager, global and regional secrets.

Source: https://cloud.google.com/secret-manager/docs/access-control
"""

from __future__ import annotations

from localcloud.auth.needs import NOTHING, Needs, Table, need

_NAME, _PARENT, _RESOURCE = "{name}", "{parent}", "{resource}"


def _secrets(prefix: str) -> dict[str, Needs]:
    return {
        f"{prefix}.create": need("secretmanager.secrets.create", _PARENT),
        f"{prefix}.list": need("secretmanager.secrets.list", _PARENT),
        f"{prefix}.get": need("secretmanager.secrets.get", _NAME),
        f"{prefix}.patch": need("secretmanager.secrets.update", _NAME),
        f"{prefix}.delete": need("secretmanager.secrets.delete", _NAME),
        f"{prefix}.getIamPolicy": need("secretmanager.secrets.getIamPolicy", _RESOURCE),
        f"{prefix}.setIamPolicy": need("secretmanager.secrets.setIamPolicy", _RESOURCE),
        f"{prefix}.testIamPermissions": NOTHING,
        f"{prefix}.addVersion": need("secretmanager.versions.add", _PARENT),
        f"{prefix}.versions.list": need("secretmanager.versions.list", _PARENT),
        **{
            f"{prefix}.versions.{verb}": need(f"secretmanager.versions.{verb}", _NAME)
            for verb in ("access", "get", "enable", "disable", "destroy")
        },
    }


TABLE: Table = {
    "secretmanager.projects.locations.get": need("secretmanager.locations.get", _NAME),
    "secretmanager.projects.locations.list": need("secretmanager.locations.list", _NAME),
    **_secrets("secretmanager.projects.secrets"),
    **_secrets("secretmanager.projects.locations.secrets"),
}
