"""FHIR stores over the database: who may write, in which transaction, and who hears of it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from localcloud.auth.agents import healthcare_agent
from localcloud.auth.caller import current
from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.contention import Contention
from localcloud.healthcare.fhir.definitions import Definitions, load
from localcloud.healthcare.fhir.lag import NEWEST, View, microseconds_of
from localcloud.healthcare.fhir.notifications import enqueue
from localcloud.healthcare.fhir.outcomes import FhirError
from localcloud.healthcare.fhir.records import Records, drop_store, forget_hidden
from localcloud.healthcare.fhir.schema import MIGRATIONS
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.work import Work
from localcloud.healthcare.resources import forbidden
from localcloud.healthcare.stores import Resources
from localcloud.notify import TopicLookup
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox

_Result = TypeVar("_Result")
_UNITS_PER_COMMIT = 50


class FhirStores:
    """All FHIR stores of the local cloud.

    Parameters
    ----------
    resources
        Where stores are administered; deleting a store deletes what is in it.
    topic_exists
        Lets a call fail whose notifications could not be sent.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        resources: Resources,
        behaviour: BehaviourSwitch,
        topic_exists: TopicLookup,
    ) -> None:
        database.migrate("healthcare.fhir", MIGRATIONS)
        self.definitions: Definitions = load()
        self._database = database
        self._resources = resources
        self._topic_exists = topic_exists
        self.behaviour = behaviour
        self.contention = Contention(behaviour)
        self._outbox = outbox
        resources.on_delete("fhirStores", drop_store)
        resources.on_ask("fhirStores", self._has_resources)

    def settings(self, name: str, base_url: str) -> StoreSettings:
        """Return a store's settings.

        Raises
        ------
        GoogleError
            404 when there is no such store, 501 when it is not an R4 store.
        """
        store = self._resources.get(name)
        if store.get("version") != "R4":
            raise GoogleError.of(
                501, f"The local cloud serves R4 only; {name} has another version."
            )
        return StoreSettings.of(store, base_url)

    def _has_resources(self, name: str) -> bool:
        sql = "SELECT 1 FROM fhir_resource WHERE store = ? AND deleted = 0 LIMIT 1"
        return bool(self.query(sql, (name,)))

    def query(self, sql: str, arguments: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read what is committed."""
        return self._database.read(sql, arguments)

    def records(self, settings: StoreSettings) -> Records:
        return Records(settings.name, self.query)

    def write(self, settings: StoreSettings, run: Callable[[Work], _Result]) -> _Result:
        """Do a unit of work: all of it is durable when this returns, none if it raises."""
        with self._database.write() as tx:
            forget_hidden(tx, _now())
            result = self._run(tx, settings, run)
        self._outbox.flush()
        return result

    def write_each(
        self,
        settings: StoreSettings,
        runs: Sequence[Callable[[Work], _Result]],
        *,
        quietly: bool = False,
    ) -> list[_Result | FhirError]:
        """Do units of work that know nothing of each other, each whole or not at all.

        Several share a commit, which costs more than the work; all is durable on return.

        Parameters
        ----------
        quietly
            Check no references, as an import does not.
        """
        results: list[_Result | FhirError] = []
        for start in range(0, len(runs), _UNITS_PER_COMMIT):
            with self._database.write() as tx:
                forget_hidden(tx, _now())
                chunk = runs[start : start + _UNITS_PER_COMMIT]
                results += [self._run_alone(tx, settings, run, quietly) for run in chunk]
            self._outbox.flush()
        return results

    def _run_alone(
        self,
        tx: sqlite3.Connection,
        settings: StoreSettings,
        run: Callable[[Work], _Result],
        quietly: bool,
    ) -> _Result | FhirError:
        tx.execute("SAVEPOINT unit")
        try:
            return self._run(tx, settings, run, quietly)
        except FhirError as error:
            tx.execute("ROLLBACK TO unit")
            return error
        finally:
            tx.execute("RELEASE unit")

    def _run(
        self,
        tx: sqlite3.Connection,
        settings: StoreSettings,
        run: Callable[[Work], _Result],
        quietly: bool = False,
    ) -> _Result:
        work = Work(tx, settings, self.definitions, _now, self._lag())
        result = run(work)
        if not quietly:
            work.check_references()
        if work.changes:
            self._check_topics(settings)
        enqueue(tx, self._outbox, settings, work.changes)
        return result

    def _check_topics(self, settings: StoreSettings) -> None:
        """Fail a call that could not tell of its changes, as Google does.

        Source: FhirNotificationConfig.pubsubTopic of healthcare.v1
        """
        agent = current().acting_for(healthcare_agent(settings.name.split("/")[1]))
        for topic in {destination.topic for destination in settings.destinations}:
            if not (agent.allows("pubsub.topics.publish", topic) and self._topic_exists(topic)):
                raise forbidden("pubsub.topics.publish", topic)

    def view(self, *, synchronous: bool) -> View:
        """Return what a search that starts now sees."""
        return NEWEST if synchronous else View(self._lag(), _now())

    def _lag(self) -> int:
        return microseconds_of(self.behaviour.current.index_lag_seconds)

    def change(self, run: Callable[[sqlite3.Connection], object]) -> None:
        """Change rows in a transaction that nobody is notified of."""
        with self._database.write() as tx:
            run(tx)


def _now() -> int:
    return time.time_ns() // 1000
