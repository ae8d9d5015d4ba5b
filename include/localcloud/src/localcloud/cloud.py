"""The whole local cloud: state, services and listeners in one event loop.

Handlers run in a pool of worker threads; Pub/Sub runs in the loop itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial

from localcloud.auth.grpc_gate import GateInterceptor
from localcloud.auth.iam_file import IamFile
from localcloud.auth.system import Auth
from localcloud.behaviour import BehaviourSwitch
from localcloud.conditions import Conditions
from localcloud.contract.grpc_conditions import ConditionsInterceptor
from localcloud.errors import GoogleError, StartError
from localcloud.grpc_listener import GRACE_SECONDS, grpc_server
from localcloud.healthcare.service import HealthcareService
from localcloud.http.admin import Admin, AdminRoutes
from localcloud.http.index import grpc_listing, listing_of
from localcloud.http.listener import HttpListener, bind
from localcloud.http.service import HttpService
from localcloud.http.site import Site
from localcloud.notify import TopicLookup
from localcloud.pubsub import topics
from localcloud.pubsub.service import PubSubServer
from localcloud.secretmanager.service import SecretManagerService
from localcloud.settings import Settings
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.state.exclusive import exclusive
from localcloud.storage.service import StorageService
from localcloud.vertex.servers import ModelServerAdmin
from localcloud.vertex.service import VertexService
from localcloud.vision.service import VisionService

_WORKER_THREADS = 16
"""Threads of each port: calls that wait on one, as predictions do, hold up no other."""


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
        self._admin_routes: AdminRoutes = {}
        self._databases: dict[str, Database] = {}
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
        self._open.enter_context(exclusive(settings.data))
        sockets = {
            name: self._open.enter_context(bind(settings.host, port, name))
            for name, port in settings.ports.items()
            if name != "pubsub"
        }
        host = settings.public_host or settings.host
        urls = {name: f"http://{host}:{s.getsockname()[1]}" for name, s in sockets.items()}
        messages = self._database("pubsub")
        auth = await asyncio.to_thread(self._auth, urls["storage"])
        pubsub, pubsub_port = await self._start_pubsub(messages, auth)
        # A worker thread: what an earlier run left unpublished is published here.
        sites = await asyncio.to_thread(
            self._services, pubsub, partial(_topic_exists, messages), urls, auth
        )
        listings = [listing_of(service) for services in sites.values() for service in services]
        listings.append(grpc_listing("pubsub-grpc", pubsub.source, pubsub.served()))
        admin = Admin(self._conditions, listings, self._admin_routes, auth.lock.check)
        # Made before, so shut down after the listeners: until these have stopped, calls arrive.
        executors = {name: self._executor(name) for name in sites}
        listeners: list[HttpListener] = []
        self._open.push_async_callback(_stop_together, listeners)
        for name, services in sites.items():
            site = Site(
                services,
                self._conditions,
                executors[name],
                urls[name],
                admin if name == "storage" else None,
                spool_folder=self._settings.data,
                handle=auth.gate.handle,
                doors=auth.doors if name == "storage" else {},
            )
            listeners.append(HttpListener(site, sockets[name]))
            await listeners[-1].start()
        self._endpoints = {
            "storage": urls["storage"],
            "healthcare": urls["storage"],
            "pubsub": f"{host}:{pubsub_port}",
            **{name: urls[name] for name in sites if name != "storage"},
        }

    def _auth(self, base_url: str) -> Auth:
        settings = self._settings
        names = ("auth", "storage", "healthcare", "pubsub", "secretmanager", "vertex")
        return Auth(
            settings.data / "auth",
            {name: self._database(name) for name in names},
            base_url,
            required=settings.require_token,
            iam=IamFile.read(settings.iam) if settings.iam else None,
        )

    async def _start_pubsub(self, database: Database, auth: Auth) -> tuple[PubSubServer, int]:
        pubsub = PubSubServer(database)
        address = (self._settings.host, self._settings.ports["pubsub"])
        interceptors = [ConditionsInterceptor(self._conditions), GateInterceptor(auth.gate)]
        server, port = grpc_server(pubsub.handlers(), interceptors, address, "pubsub")
        await pubsub.start()
        self._open.push_async_callback(pubsub.stop)
        await server.start()
        self._open.push_async_callback(server.stop, GRACE_SECONDS)
        return pubsub, port

    def _services(
        self,
        pubsub: PubSubServer,
        topic_exists: TopicLookup,
        urls: Mapping[str, str],
        auth: Auth,
    ) -> dict[str, list[HttpService]]:
        """Return the services of each port; the first that has a path answers it."""
        storage = StorageService(
            self._database("storage"),
            self._blobs("storage"),
            self._settings.data / "uploads",
            publisher=auth.storage_publisher(pubsub),
            topic_exists=topic_exists,
            base_url=urls["storage"],
        )
        self._admin_routes[("POST", "/lifecycle")] = storage.lifecycle.answer
        storage.lifecycle.start()
        self._open.callback(storage.lifecycle.stop)
        objects = auth.objects(storage.objects)
        healthcare = HealthcareService(
            self._database("healthcare"),
            self._blobs("healthcare"),
            auth.healthcare_publisher(pubsub),
            objects,
            self._behaviour,
            topic_exists=topic_exists,
        )
        vertex = VertexService(
            self._database("vertex"),
            self._behaviour,
            urls["vertex"],
            self._settings.model_servers,
        )
        self._open.callback(vertex.close)
        vision = VisionService(objects, self._database("vision"), self._behaviour)
        self._open.callback(vision.close)
        self._admin_routes |= ModelServerAdmin(vertex.servers).routes
        return {
            "storage": [storage, healthcare, pubsub.rest(), *auth.services],
            "vertex": [vertex],
            "vision": [vision],
            "secretmanager": [
                SecretManagerService(self._database("secretmanager"), pubsub, topic_exists)
            ],
        }

    def _executor(self, name: str) -> ThreadPoolExecutor:
        executor = ThreadPoolExecutor(_WORKER_THREADS, thread_name_prefix=name)
        self._open.callback(executor.shutdown, wait=False, cancel_futures=True)
        return executor

    def _database(self, name: str) -> Database:
        if name not in self._databases:
            path = self._settings.data / f"{name}.sqlite"
            try:
                database = Database(path)
            except sqlite3.DatabaseError as error:
                raise StartError(f"cannot open {path} ({error}): restore or remove it") from error
            self._open.callback(database.close)
            self._databases[name] = database
        return self._databases[name]

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
