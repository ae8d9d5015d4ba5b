"""Impersonation and the policies of projects.

Source: https://docs.cloud.google.com/iam/docs/roles-permissions/iam and
https://docs.cloud.google.com/iam/docs/roles-permissions/resourcemanager
"""

from __future__ import annotations

from localcloud.auth.needs import NOTHING, Table, need

_PROJECT = "projects/{resource}"

TABLE: Table = {
    "iamcredentials.projects.serviceAccounts.generateAccessToken": need(
        "iam.serviceAccounts.getAccessToken", "{name}"
    ),
    "cloudresourcemanager.projects.getIamPolicy": need(
        "resourcemanager.projects.getIamPolicy", _PROJECT
    ),
    "cloudresourcemanager.projects.setIamPolicy": need(
        "resourcemanager.projects.setIamPolicy", _PROJECT
    ),
    "cloudresourcemanager.projects.testIamPermissions": NOTHING,
}
