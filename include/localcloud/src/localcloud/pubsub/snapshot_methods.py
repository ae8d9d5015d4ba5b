"""The snapshots of google.pubsub.v1.Subscriber."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from localcloud.pubsub import snapshots
from localcloud.pubsub.queues import Queues
from localcloud.pubsub.raw_messages import ListSnapshotsResponse
from localcloud.pubsub.rpc import serves


class SnapshotMethods:
    """Snapshots, as remote procedures."""

    def __init__(self, queues: Queues) -> None:
        self._ledger = queues.ledger
        self._clock = queues.clock

    @serves("CreateSnapshot")
    async def create_snapshot(self, request: Any, _: object) -> Any:
        """Keep what a subscription is owed now."""
        return await self._ledger.commit(lambda tx: snapshots.create(tx, request, self._clock()))

    @serves("GetSnapshot")
    async def get_snapshot(self, request: Any, _: object) -> Any:
        """Read a snapshot."""
        return await self._ledger.commit(
            lambda tx: snapshots.get(tx, request.snapshot, self._clock())
        )

    @serves("UpdateSnapshot")
    async def update_snapshot(self, request: Any, _: object) -> Any:
        """Change fields of a snapshot."""
        return await self._ledger.commit(
            lambda tx: snapshots.update(
                tx, request.snapshot, request.update_mask.paths, self._clock()
            )
        )

    @serves("ListSnapshots")
    async def list_snapshots(self, request: Any, _: object) -> Any:
        """List a project's snapshots."""
        found, token = await self._ledger.commit(
            lambda tx: snapshots.list_page(
                tx, request.project, request.page_size, request.page_token
            )
        )
        return ListSnapshotsResponse(snapshots=found, next_page_token=token)

    @serves("DeleteSnapshot")
    async def delete_snapshot(self, request: Any, _: object) -> Any:
        """Delete a snapshot; messages that only it kept go with it."""
        await self._ledger.commit(lambda tx: snapshots.delete(tx, request.snapshot, self._clock()))
        return Empty()
