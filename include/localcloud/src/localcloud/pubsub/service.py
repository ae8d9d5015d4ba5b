"""The Pub/Sub server: its state, its gRPC services and its notifier for the other services."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import grpc
from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports.grpc import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports.grpc import SubscriberGrpcTransport

from localcloud.contract.transports import methods
from localcloud.pubsub import iam, messages, retention, schema, settling, snapshots
from localcloud.pubsub.iam import IamService
from localcloud.pubsub.ledger import Ledger, Transaction
from localcloud.pubsub.limits import (
    REST_PULL_WAIT_SECONDS,
    RETENTION_SWEEP_SECONDS,
    SWEEP_SECONDS,
)
from localcloud.pubsub.publisher import PublisherService
from localcloud.pubsub.push import Pushes
from localcloud.pubsub.queues import Clock, Queues
from localcloud.pubsub.raw_messages import PubsubMessage as Message
from localcloud.pubsub.rest import PubSubRest
from localcloud.pubsub.rpc import RpcRouter, handlers_of
from localcloud.pubsub.signals import Signals
from localcloud.pubsub.snapshot_methods import SnapshotMethods
from localcloud.pubsub.subscriber import SubscriberService
from localcloud.state.database import Database

_TRANSPORTS = (PublisherGrpcTransport, SubscriberGrpcTransport, SchemaServiceGrpcTransport)
_PULL = "/google.pubsub.v1.Subscriber/Pull"
_LOG = logging.getLogger(__name__)


class PubSubServer:
    """Publisher and Subscriber of google.pubsub.v1 over one SQLite file.

    Runs in the event loop that calls `start`; only `publish` may be called from other threads.

    Parameters
    ----------
    database
        Best a file of its own, so that no other service's transaction holds up a delivery.
    clock
        Seconds since 1970.
    """

    def __init__(self, database: Database, clock: Clock = time.time) -> None:
        schema.migrate(database)
        self.source = f"google-cloud-pubsub {version('google-cloud-pubsub')}"
        self._database = database
        self._clock = clock
        self._ledger = Ledger(database)
        self._signals = Signals()
        self._queues = Queues(self._ledger, self._signals, clock)
        self._pushes = Pushes(self._queues)
        self._subscriber = SubscriberService(self._queues, self._pushes)
        self._methods = iam.METHODS | {
            path: method for transport in _TRANSPORTS for path, method in methods(transport).items()
        }
        served = (
            ("google.pubsub.v1.Publisher", PublisherService(self._queues)),
            ("google.pubsub.v1.Subscriber", self._subscriber),
            ("google.pubsub.v1.Subscriber", SnapshotMethods(self._queues)),
            (iam.SERVICE, IamService(self._ledger)),
        )
        self._handlers = {
            f"/{service}/{name}": handler
            for service, methods_of in served
            for name, handler in handlers_of(methods_of).items()
        }
        self._sweeps: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What a gRPC server needs to host Pub/Sub."""
        return [RpcRouter(self._methods, self._handlers)]

    def served(self) -> dict[str, bool]:
        """Every method of the contract by its id, and whether it is served."""
        return {method.method_id: path in self._handlers for path, method in self._methods.items()}

    def rest(self) -> PubSubRest:
        """The same methods over HTTP; to be called after `start`."""
        if self._loop is None:
            raise RuntimeError("Pub/Sub serves HTTP only once it was started.")
        handlers = {**self._handlers, _PULL: self._pull_over_http}
        return PubSubRest(self._methods, handlers, self._loop)

    async def start(self) -> None:
        """Begin to work; to be called before the gRPC server starts."""
        self._loop = asyncio.get_running_loop()
        self._signals.bind(self._loop)
        self._ledger.start()
        await self._drop_overdue()
        await self._pushes.start()
        self._sweeps = [
            asyncio.create_task(_repeat(SWEEP_SECONDS, self._expire)),
            asyncio.create_task(_repeat(RETENTION_SWEEP_SECONDS, self._drop_overdue)),
        ]

    async def stop(self) -> None:
        """Finish what was begun; to be called after the gRPC server has stopped."""
        await self._pushes.stop()
        for sweep in self._sweeps:
            sweep.cancel()
        await asyncio.gather(*self._sweeps, return_exceptions=True)
        await asyncio.to_thread(self._ledger.stop)

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        """Publish one message from any thread but the event loop's; on disk when it returns.

        A caller that is writing to the same database has it published with its own commit.

        Raises
        ------
        GoogleError
            NOT_FOUND when the topic does not exist.
        """
        message = Message(data=data, attributes=attributes)
        with self._database.write() as tx:
            _, reached = messages.publish(tx, topic, [message], self._clock())
        self._signals.announce(reached)

    async def _pull_over_http(self, request: Any, _: object) -> Any:
        return await self._subscriber.pull_within(request, REST_PULL_WAIT_SECONDS)

    async def _expire(self) -> None:
        if self._database.read(settling.EXPIRED, (self._clock(),)):
            await self._queues.expire()

    async def _drop_overdue(self) -> None:
        await self._ledger.commit(self._drop_overdue_now)

    def _drop_overdue_now(self, tx: Transaction) -> None:
        snapshots.drop_expired(tx, self._clock())
        settling.drop_overdue(tx, self._clock())
        retention.drop_kept(tx, self._clock())


async def _repeat(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except sqlite3.Error:
            # A full disk or a lock held for long passes; the next sweep finds the same work.
            _LOG.exception("Pub/Sub could not sweep its queues; trying again in %s s", seconds)
