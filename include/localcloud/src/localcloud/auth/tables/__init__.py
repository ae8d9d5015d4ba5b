"""The permissions of every served method, one module for each API.

A method without a row is refused to everybody while tokens are required, and a contract test names
it: forgetting a row cannot open a door.
"""

from __future__ import annotations

from localcloud.auth.needs import Table
from localcloud.auth.tables import (
    healthcare,
    iam,
    pubsub,
    pubsub_rest,
    secretmanager,
    storage,
    vertex,
    vision,
)

TABLE: Table = {
    **storage.TABLE,
    **pubsub.TABLE,
    **pubsub_rest.TABLE,
    **healthcare.TABLE,
    **vision.TABLE,
    **vertex.TABLE,
    **secretmanager.TABLE,
    **iam.TABLE,
}
