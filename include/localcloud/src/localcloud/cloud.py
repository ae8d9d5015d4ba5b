"""The whole local cloud: state, services and listeners in one event loop.

Handlers run in a pool of worker threads; Pub/Sub runs in the loop itself.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc

from localcloud.behaviour import GOOGLE, Behaviour, BehaviourSwitch
from localcloud.conditions import Conditions
from localcloud.contract.grpc_conditions import ConditionsInterceptor
from localcloud.errors import GoogleError, StartError
from localcloud.healthcare.service import HealthcareService
from localcloud.http.admin import Admin
from localcloud.http.index import grpc_listing, listing_of
from localcloud.http.listener import HttpListener, bind
from localcloud.http.service import HttpService
from localcloud.http.site import Site
from localcloud.notify import TopicLookup
from localcloud.pubsub import topics
from localcloud.pubsub.service import PubSubServer
from localcloud.secretmanager.service import SecretManagerService
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.storage.service import StorageService
from localcloud.vision.service import VisionService

_WORKER_THREADS = 16
_GRPC_GRACE_SECONDS = 0.5
# Pub/Sub takes requests of 10 MB; the margin leaves room to refuse a larger one properly.
_GRPC_OPTIONS = (("grpc.max_receive_message_length", 20 << 20), ("grpc.so_reuseport", 0))


@dataclass(frozen=True)
class Settings:
    """Where the local cloud keeps its state and listens; a port of 0 takes any free one.

    ``public_host`` is the name under which clients reach it, where that is not ``host``.
    """

    data: Path
    host: str = "127.0.0.1"
    public_host: str | None = None
    storage_port: int = 8600
    pubsub_port: int = 8601
    vision_port: int = 8606
    secretmanager_port: int = 8607
    behaviour: Behaviour = GOOGLE


class Cloud:
    """A running local cloud, as an asynchronous context manager.

    Raises
    ------
    StartError
        When a port is taken or another local cloud uses the data folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._behaviour = BehaviourSwitch(settings.behaviour)
        self._conditions = Conditions.of(self._behaviour)
        self._endpoints: dict[str, str] = {}
        self._open = AsyncExitStack()

    def endpoints(self) -> dict[str, str]:
        """Return the address of each service as its clients want it."""
        return dict(self._endpoints)

    async def __aenter__(self) -> Cloud:
        try:
            await self._start()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _start(self) -> None:
        settings = self._settings
        self._open.enter_context(_exclusive(settings.data))
        sockets = {
            name: self._open.enter_context(bind(settings.host, port, name))
            for name, port in (
                ("storage", settings.storage_port),
                ("vision", settings.vision_port),
                ("secretmanager", settings.secretmanager_port),
            )
        }
        host = settings.public_host or settings.host
        urls = {name: f"http://{host}:{s.getsockname()[1]}" for name, s in sockets.items()}
        messages = self._database("pubsub")
        pubsub, pubsub_port = await self._start_pubsub(messages)
        # A worker thread: what an earlier run left unpublished is published here.
        sites = await asyncio.to_thread(
            self._services, pubsub, partial(_topic_exists, messages), urls["storage"]
        )
        executor = ThreadPoolExecutor(_WORKER_THREADS, thread_name_prefix="call")
        self._open.callback(executor.shutdown, wait=False, cancel_futures=True)
        listings = [listing_of(service) for services in sites.values() for service in services]
        listings.append(grpc_listing("pubsub", pubsub.source, pubsub.served()))
        listeners: list[HttpListener] = []
        self._open.push_async_callback(_stop_together, listeners)
        for name, services in sites.items():
            admin = None
            if name == "storage":
                admin = Admin(self._conditions, listings)
            site = Site(
                services,
                self._conditions,
                executor,
                urls[name],
                admin,
                spool_folder=self._settings.data,
            )
            listeners.append(HttpListener(site, sockets[name]))
            await listeners[-1].start()
        self._endpoints = {
            "storage": urls["storage"],
            "healthcare": urls["storage"],
            "pubsub": f"{host}:{pubsub_port}",
            "vision": urls["vision"],
            "secretmanager": urls["secretmanager"],
        }

    async def _start_pubsub(self, database: Database) -> tuple[PubSubServer, int]:
        pubsub = PubSubServer(database)
        server = grpc.aio.server(
            interceptors=[ConditionsInterceptor(self._conditions)],
            options=_GRPC_OPTIONS,
        )
        server.add_generic_rpc_handlers(tuple(pubsub.handlers()))
        address = f"{self._settings.host}:{self._settings.pubsub_port}"
        try:
            port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise StartError(
                f"cannot listen on {address} for pubsub; "
                "free the port or choose another with --pubsub-port"
            ) from error
        await pubsub.start()
        self._open.push_async_callback(pubsub.stop)
        await server.start()
        self._open.push_async_callback(server.stop, _GRPC_GRACE_SECONDS)
        return pubsub, port

    def _services(
        self, pubsub: PubSubServer, topic_exists: TopicLookup, base_url: str
    ) -> dict[str, list[HttpService]]:
        storage = StorageService(
            self._database("storage"),
            self._blobs("storage"),
            self._settings.data / "uploads",
            publisher=pubsub,
            topic_exists=topic_exists,
            base_url=base_url,
        )
        healthcare = HealthcareService(
            self._database("healthcare"),
            self._blobs("healthcare"),
            pubsub,
            storage.objects,
            self._behaviour,
            topic_exists=topic_exists,
        )
        return {
            "storage": [storage, healthcare],
            "vision": [VisionService(storage.objects)],
            "secretmanager": [SecretManagerService(self._database("secretmanager"))],
        }

    def _database(self, name: str) -> Database:
        database = Database(self._settings.data / f"{name}.sqlite")
        self._open.callback(database.close)
        return database

    def _blobs(self, name: str) -> Blobs:
        return Blobs(self._settings.data / "blobs" / name)


async def _stop_together(listeners: Sequence[HttpListener]) -> None:
    await asyncio.gather(*(listener.stop() for listener in listeners))


def _topic_exists(messages: Database, topic: str) -> bool:
    try:
        with messages.write() as tx:
            topics.get(tx, topic)
    except GoogleError:
        return False
    return True


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(
                f"another local cloud uses {folder}; stop it or give another --data"
            ) from error
        yield
