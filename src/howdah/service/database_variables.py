"""
The DATABASE_* variables as data: Strapi's names, ours, and what each becomes.

A list, so it is long. `database_settings` reads the environment by it, `settings_reference`
writes docs/reference/settings.md from it.
"""

from __future__ import annotations

from howdah.service.setting import Kind, Setting

_DAY = 24 * 3600 * 1000

SERVER = (
    Setting(
        name="DATABASE_CLIENT",
        kind=Kind.TEXT,
        default="postgres",
        meaning="The kind of database. SQLite is refused with the command that migrates it.",
        choices=("postgres", "postgresql", "pg"),
    ),
    Setting(
        name="DATABASE_URL",
        kind=Kind.SECRET,
        meaning="The whole connection as a URI. Comes before the parts; empty means that the parts count.",
    ),
    Setting(name="DATABASE_HOST", kind=Kind.TEXT, default="localhost", meaning="Server.", becomes="host"),
    Setting(
        name="DATABASE_PORT",
        kind=Kind.NUMBER,
        default="5432",
        meaning="Its port.",
        becomes="port",
        minimum=1,
        maximum=65535,
    ),
    Setting(
        name="DATABASE_NAME",
        kind=Kind.TEXT,
        meaning="Database; that named as the user where it is left out.",
        becomes="dbname",
    ),
    Setting(name="DATABASE_USERNAME", kind=Kind.TEXT, meaning="Role.", becomes="user"),
    Setting(name="DATABASE_PASSWORD", kind=Kind.SECRET, meaning="Its password.", becomes="password"),
    Setting(
        name="DATABASE_SCHEMA",
        kind=Kind.TEXT,
        default="public",
        meaning="Schema of the tables.",
        becomes="search_path",
    ),
)

TLS = (
    Setting(
        name="DATABASE_SSL",
        kind=Kind.FLAG,
        meaning="TLS or not. False is kept for this machine and for one-word names (a Compose network);"
        " elsewhere TLS is used where the server offers it.",
        becomes="sslmode",
    ),
    Setting(
        name="DATABASE_SSL_REJECT_UNAUTHORIZED",
        kind=Kind.FLAG,
        default="true",
        meaning="Check certificate and host name. False leaves the connection encrypted to whoever answers.",
        becomes="sslmode=verify-full, or require",
    ),
    Setting(
        name="DATABASE_SSL_CA",
        kind=Kind.PEM,
        meaning="Certificate authority; the system's where it is left out.",
        becomes="sslrootcert",
        aliases=("DATABASE_SSL_ROOT_CERT",),
    ),
    Setting(name="DATABASE_SSL_CERT", kind=Kind.PEM, meaning="The client's certificate.", becomes="sslcert"),
    Setting(name="DATABASE_SSL_KEY", kind=Kind.PEM, meaning="Its key.", becomes="sslkey"),
    Setting(
        name="DATABASE_SSLMODE",
        kind=Kind.TEXT,
        meaning="libpq's own mode, taken as it is; comes before all of the above.",
        becomes="sslmode",
        choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    ),
    Setting(
        name="DATABASE_SSL_CAPATH",
        kind=Kind.TEXT,
        meaning="Directory of certificate authorities.",
        no_effect="libpq reads authorities from one file: name it in DATABASE_SSL_CA",
    ),
    Setting(
        name="DATABASE_SSL_CIPHER",
        kind=Kind.TEXT,
        meaning="Cipher suites.",
        no_effect="libpq leaves ciphers to OpenSSL and to the server's ssl_ciphers",
    ),
)

POOL = (
    Setting(
        name="DATABASE_POOL_MIN",
        kind=Kind.NUMBER,
        default="2",
        meaning="Connections kept open; 0 lets a server that scales to zero sleep.",
        becomes="min_size",
        knex="min",
    ),
    Setting(
        name="DATABASE_POOL_MAX",
        kind=Kind.NUMBER,
        default="10",
        meaning="Connections at most, for each process. `howdah pool advise` says what fits.",
        becomes="max_size",
        knex="max",
        minimum=1,
        maximum=1000,
    ),
    Setting(
        name="DATABASE_POOL_ACQUIRE_TIMEOUT",
        kind=Kind.DURATION,
        default="30000",
        meaning="How long a request waits for a connection.",
        becomes="timeout",
        knex="acquireTimeoutMillis",
        minimum=100,
        maximum=600_000,
    ),
    Setting(
        name="DATABASE_CONNECTION_TIMEOUT",
        kind=Kind.DURATION,
        default="60000",
        meaning="knex' other name for the same; the shorter of the two counts.",
        becomes="timeout",
        knex="acquireConnectionTimeout",
        minimum=100,
        maximum=600_000,
    ),
    Setting(
        name="DATABASE_POOL_CREATE_TIMEOUT",
        kind=Kind.DURATION,
        default="5000",
        meaning="How long opening one connection may take, for each address of the server; whole seconds.",
        becomes="connect_timeout",
        knex="createTimeoutMillis",
        minimum=100,
        maximum=600_000,
    ),
    Setting(
        name="DATABASE_POOL_DESTROY_TIMEOUT",
        kind=Kind.DURATION,
        default="5000",
        meaning="How long closing the whole pool waits for its work to end.",
        becomes="close(timeout)",
        knex="destroyTimeoutMillis",
        maximum=600_000,
    ),
    Setting(
        name="DATABASE_POOL_IDLE_TIMEOUT",
        kind=Kind.DURATION,
        default="60000",
        meaning="One connection above the minimum is closed each time this long has passed without need for"
        " it.",
        becomes="max_idle",
        knex="idleTimeoutMillis",
        minimum=1000,
        maximum=_DAY,
    ),
    Setting(
        name="DATABASE_POOL_REAP_INTERVAL",
        kind=Kind.DURATION,
        default="1000",
        meaning="How often idle connections are looked for.",
        knex="reapIntervalMillis",
        no_effect="DATABASE_POOL_IDLE_TIMEOUT is also how often the pool looks",
    ),
    Setting(
        name="DATABASE_POOL_CREATE_RETRY_INTERVAL",
        kind=Kind.DURATION,
        default="200",
        meaning="How long to wait after a connection that did not come about.",
        knex="createRetryIntervalMillis",
        no_effect="the pool tries again after a second at most",
        aliases=("DATABASE_POOL_RETRY_INTERVAL",),
    ),
    Setting(
        name="DATABASE_POOL_RECONNECT_TIMEOUT",
        kind=Kind.DURATION,
        default="1000",
        meaning="Waits between attempts to connect double from one second on, and begin again after this"
        " long: the longest wait after an outage.",
        becomes="reconnect_timeout",
        minimum=200,
        maximum=300_000,
    ),
    Setting(
        name="DATABASE_POOL_MAX_LIFETIME",
        kind=Kind.DURATION,
        default="1800000",
        meaning="Age at which a connection is replaced; below the limit of any proxy on the way.",
        becomes="max_lifetime",
        minimum=1000,
        maximum=_DAY,
    ),
    Setting(
        name="DATABASE_POOL_MAX_WAITING",
        kind=Kind.NUMBER,
        default="4 × DATABASE_POOL_MAX",
        meaning="Requests that may wait for a connection; one more is answered 503 at once.",
        becomes="max_waiting",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        name="DATABASE_POOL_CHECK_IDLE",
        kind=Kind.DURATION,
        default="5000",
        meaning="A connection that was idle longer answers a query before it is lent; 0: always.",
        becomes="check",
        knex="validate",
        maximum=_DAY,
    ),
)

SESSION = (
    Setting(
        name="DATABASE_STATEMENT_TIMEOUT",
        kind=Kind.DURATION,
        default="30000",
        meaning="Longest statement; 0: no limit.",
        becomes="statement_timeout",
        maximum=_DAY,
    ),
    Setting(
        name="DATABASE_LOCK_TIMEOUT",
        kind=Kind.DURATION,
        default="5000",
        meaning="Longest wait for somebody else's lock; 0: no limit.",
        becomes="lock_timeout",
        maximum=_DAY,
    ),
    Setting(
        name="DATABASE_IDLE_IN_TX_TIMEOUT",
        kind=Kind.DURATION,
        default="60000",
        meaning="Longest pause inside a transaction; 0: no limit.",
        becomes="idle_in_transaction_session_timeout",
        maximum=_DAY,
    ),
)

#: Heading → settings, in the order of the reference page.
DATABASE_VARIABLES = {"Server": SERVER, "TLS": TLS, "Pool": POOL, "Session": SESSION}

#: Strapi's, for SQLite alone: known, and of no use here.
SQLITE_FILE = "DATABASE_FILENAME"
