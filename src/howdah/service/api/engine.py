"""
What every request goes through: a connection, who asks, one statement, and whether that was still right.

Permissions are remembered together with the snapshot of the database that they were read in. An answer
that comes from another snapshot makes them be read again, and the request be done again where they
changed: rights that were withdrawn are never used, and a read is one statement nearly always.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from howdah.content.query.columns import Dialect
from howdah.content.query.faults import RequestFault, unauthorized
from howdah.content.query.limits import Asking
from howdah.content.query.schema import Schemas
from howdah.content.query.statement import Statement, StatementBuilder
from howdah.service.api.access import (
    AccessFacts,
    Account,
    Caller,
    account_statement,
    facts_statement,
    parse_account,
    parse_facts,
    public_caller,
    token_caller,
    user_caller,
    user_of_jwt,
)
from howdah.service.api.messages import Request
from howdah.service.api.settings import ApiSettings
from howdah.service.api.store import AnswerStore, Kept
from howdah.service.pool import ApplicationPool
from howdah.service.pooled_connection import PooledConnection

#: Statements that are remembered by the request that they belong to.
_PLANS_MAX = 1024
#: Longer queries are worked out each time.
_PLAN_QUERY_MAX = 4096
#: How often a read is done again because permissions changed meanwhile.
_TRIES = 3
_POSTGRES_16 = 160000

#: Raises UnavailableError while the database is not the one that takes writes.
WriteGate = Callable[[PooledConnection], Awaitable[None]]


async def open_gate(_: PooledConnection) -> None:
    """Let every write pass."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A checked request: its statement, and what its answer is kept under."""

    statement: Statement
    key: object


@dataclass(kw_only=True)
class _Access:
    kept: Kept
    facts: AccessFacts
    public: Caller
    accounts: dict[int, Account | None] = field(default_factory=dict)


class Engine:
    """Reads for the API; writes borrow its parts."""

    def __init__(
        self,
        schemas: Schemas,
        pool: ApplicationPool,
        settings: ApiSettings,
        *,
        schema: str,
        gate: WriteGate = open_gate,
    ) -> None:
        self.schemas = schemas
        self.pool = pool
        self.settings = settings
        self.store = AnswerStore(settings.cache_bytes)
        self.db_schema = schema
        self._gate = gate
        self._builder: StatementBuilder | None = None
        self._access: _Access | None = None
        self._plans: OrderedDict[object, Plan] = OrderedDict()

    def builder_for(self, connection: PooledConnection) -> StatementBuilder:
        """Return the builder of statements for the server behind a connection."""
        checks_input = connection.info.server_version >= _POSTGRES_16
        if self._builder is None or self._builder.dialect.checks_input != checks_input:
            dialect = Dialect(
                schema=self.db_schema, time_zone=self.settings.time_zone, checks_input=checks_input
            )
            self._builder = StatementBuilder(self.schemas, dialect)
            self._plans.clear()
        return self._builder

    def asking(self, caller: Caller) -> Asking:
        """Return the counters and rights of one request."""
        return Asking(schemas=self.schemas, limits=self.settings.limits, findable=caller.findable)

    @asynccontextmanager
    async def identified(
        self, request: Request
    ) -> AsyncIterator[tuple[PooledConnection, AccessFacts, Caller]]:
        """Lend a connection together with who asks, as of now."""
        async with self.pool.connection() as connection:
            access = await self._current_access(connection)
            yield connection, access.facts, await self._identify(connection, access, request)

    @asynccontextmanager
    async def writing(self, request: Request) -> AsyncIterator[tuple[PooledConnection, AccessFacts, Caller]]:
        """
        Lend a connection in a transaction, together with who asks; what the gate raises where it is shut.

        The gate is asked within the transaction, so that no pause lies between its word and the write:
        a fence that comes later waits for the rows that were written, or refuses the statement.
        """
        async with self.pool.connection() as connection, connection.transaction():
            await self._gate(connection)
            access = await self._current_access(connection)
            yield connection, access.facts, await self._identify(connection, access, request)

    async def read(
        self,
        request: Request,
        action: str,
        make: Callable[[StatementBuilder, AccessFacts, Caller], Statement],
    ) -> bytes | None:
        """
        Return what the statement of a request gives, None for no row.

        `make` is pure: the same request of the same rights gives the same statement. Raises RequestFault.
        """
        async with self.pool.connection() as connection:
            access = self._access
            if access is None or access.kept.read_at < connection.opened_at:
                access = await self._current_access(connection)
            for _ in range(_TRIES):
                try:
                    plan = await self._plan(connection, access, request, action, make)
                    kept = await self.store.read(connection, plan.statement, plan.key)
                    fault = None
                except RequestFault as refused:
                    fault = refused
                if fault is None and kept.snapshot == access.kept.snapshot:
                    return kept.body
                fresh = await self._current_access(connection)
                if fresh is access or (fault is None and not self._differs(access, fresh)):
                    if fault is not None:
                        raise fault
                    return kept.body
                access = fresh
        raise RequestFault(503, "ServiceUnavailableError", "Permissions are changing, try again")

    async def _plan(
        self,
        connection: PooledConnection,
        access: _Access,
        request: Request,
        action: str,
        make: Callable[[StatementBuilder, AccessFacts, Caller], Statement],
    ) -> Plan:
        caller = await self._identify(connection, access, request)
        caller.require(action)
        builder = self.builder_for(connection)
        user = caller.account.id if caller.account is not None else 0
        key = (action, request.segments, request.query, caller.findable, user, access.facts.default_locale)
        plan = self._plans.get(key)
        if plan is None:
            plan = Plan(statement=make(builder, access.facts, caller), key=key)
            if len(request.query) <= _PLAN_QUERY_MAX:
                self._plans[key] = plan
                if len(self._plans) > _PLANS_MAX:
                    self._plans.popitem(last=False)
        return plan

    async def _current_access(self, connection: PooledConnection) -> _Access:
        """Return the permissions as of now; the same object where nothing in the database changed."""
        builder = self.builder_for(connection)
        kept = await self.store.read(connection, facts_statement(self.schemas, builder.dialect), "access")
        access = self._access
        if access is not None and access.kept is kept:
            return access
        assert kept.body is not None
        if access is not None and access.kept.body == kept.body:
            facts, public = access.facts, access.public
        else:
            facts = parse_facts(kept.body)
            public = public_caller(facts)
        self._access = fresh = _Access(kept=kept, facts=facts, public=public)
        if access is not None:
            for user in access.accounts:
                fresh.accounts[user] = await self._account(connection, user)
        return fresh

    def _differs(self, before: _Access, after: _Access) -> bool:
        return before.facts is not after.facts or any(
            after.accounts.get(user) != account for user, account in before.accounts.items()
        )

    async def _identify(self, connection: PooledConnection, access: _Access, request: Request) -> Caller:
        """Return who asks. Raises RequestFault 401."""
        credential = request.bearer
        if credential is None:
            if "authorization" in request.headers:
                raise unauthorized()
            return access.public
        caller = token_caller(access.facts, credential, self.settings.api_token_salt)
        if caller is not None:
            return caller
        user = user_of_jwt(credential, self.settings.jwt_secret)
        if user is None:
            raise unauthorized()
        if user not in access.accounts:
            if len(access.accounts) >= _PLANS_MAX:
                access.accounts.clear()
            access.accounts[user] = await self._account(connection, user)
        return user_caller(access.facts, access.accounts[user])

    async def _account(self, connection: PooledConnection, user: int) -> Account | None:
        statement = account_statement(self.schemas, self.builder_for(connection).dialect, user)
        kept = await self.store.read(connection, statement, ("account", user))
        return parse_account(kept.body) if kept.body is not None else None

    async def fetch(self, connection: PooledConnection, statement: Statement) -> bytes | None:
        """Carry out a statement that gives one text, None for no row; within the caller's transaction."""
        cursor = await connection.execute(statement.sql, dict(statement.parameters), prepare=True)
        result = cursor.pgresult
        return result.get_value(0, 0) if result is not None and result.ntuples else None
