"""``backend.database``: which database, how it is reached, and what is made in it at the first start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backstage_py.settings import kinds
from backstage_py.settings.description import Key, below

OWN = "backstage-py"
"""The entry of ``backend.database.plugin`` that is about this service."""
NAME = "backstage_py"
CLIENT = kinds.choice("better-sqlite3", "sqlite", "sqlite3", "pg")
PORT = kinds.whole(least=1, most=65_535)
CONNECTIONS = kinds.whole(least=1, most=1_000)
DIVISION = kinds.choice("database", "schema")
_TYPES = "tokens of Azure, Cloud SQL and RDS are not fetched"


def _default_type(value: object) -> str:
    if value != "default":
        raise ValueError(f"expected 'default' or nothing: {_TYPES}; give a password, or use the provider's own proxy")
    return "default"


CONNECTION_TYPE = kinds.Kind(_default_type, kinds.TEXT_SCHEMA)


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """How a PostgreSQL server is used; nothing of it is about SQLite.

    Attributes:
        create: make the database or the schema when it does not exist.
        migrate: bring the tables up to date at a start.
        schema: holds all tables; None is the search path's first.
        role: taken on by each connection.
        certificates: PEM texts by libpq's word for the file that holds one (``sslrootcert``, ``sslcert``, ``sslkey``).
        connections: most that read and write in a process; None is the usual number.
    """

    create: bool = True
    migrate: bool = True
    schema: str | None = None
    role: str | None = None
    certificates: Mapping[str, str] = field(default_factory=dict, repr=False)
    connections: int | None = None


_CONNECTION = (
    Key("directory", kinds.TEXT, "Folder of the SQLite file."),
    Key("filename", kinds.TEXT, "The SQLite file."),
    Key("connectionString", kinds.TEXT, "A PostgreSQL URL; what stands beside it wins."),
    Key("host", kinds.TEXT, "Host of PostgreSQL, or the folder of its socket."),
    Key("port", PORT, "Its port."),
    Key("user", kinds.TEXT, "User."),
    Key("password", kinds.TEXT, "Password."),
    Key(
        "database",
        kinds.TEXT,
        "Database; backstage_py by default.",
        differs="this service keeps its tables there, where Backstage with pluginDivisionMode 'database' ignores it",
    ),
    Key("application_name", kinds.TEXT, "How the server lists our connections; backstage-py by default."),
    Key("type", CONNECTION_TYPE, "'default'."),
    Key("ssl", kinds.either({"type": ["boolean", "string"]}, kinds.OBJECT_SCHEMA), "true, or an object."),
    Key("ssl.rejectUnauthorized", kinds.SWITCH, "Check the server's certificate; true by default."),
    Key("ssl.ca", kinds.TEXT, "Its authority in PEM; those of the system by default."),
    Key("ssl.cert", kinds.TEXT, "Our certificate in PEM."),
    Key("ssl.key", kinds.TEXT, "Its key in PEM."),
    Key("ssl.*", without_effect="libpq makes the connection, and it has no such option"),
    *(Key(name, without_effect=_TYPES) for name in ("instance", "ipAddressType", "region", "tokenCredential")),
    Key("*", without_effect="libpq makes the connection; give it further parameters in a connection string"),
)

_EITHER = (
    Key("client", CLIENT, "The database."),
    Key(
        "connection",
        kinds.either(kinds.TEXT_SCHEMA, kinds.OBJECT_SCHEMA),
        "':memory:', a file, or a PostgreSQL URL; or an object.",
    ),
    *below("connection", _CONNECTION),
    Key("ensureExists", kinds.SWITCH, "Create the database, or the schema, when it is missing; true by default."),
    Key("ensureSchemaExists", kinds.SWITCH, "Create the schema also where ensureExists is false."),
    Key("role", kinds.TEXT, "Role that each connection takes on, and that owns a schema that is created."),
    Key("skipMigrations", kinds.SWITCH, "Leave the tables as they are; a start ends when they are too old."),
    Key("knexConfig", kinds.OBJECT, "Of it, the pool's size is read."),
    Key("knexConfig.pool", kinds.OBJECT, "The pool."),
    Key(
        "knexConfig.pool.max",
        CONNECTIONS,
        "Most connections of a process that read and write; 8 by default.",
        differs="half of them read and half write, at least one each; three more watch and carry wakes",
    ),
    Key("knexConfig.pool.*", without_effect="connections are opened when they are needed, and kept"),
    Key("knexConfig.*", without_effect="knex is not used"),
)

KEYS: tuple[Key, ...] = (
    *_EITHER,
    Key("prefix", kinds.TEXT, "Stands before backstage_py in the default name of the database."),
    Key("schemaPrefix", kinds.TEXT, "Stands before backstage_py in the name of the schema."),
    Key(
        "pluginDivisionMode",
        DIVISION,
        "'schema' keeps the tables in the schema backstage_py of the given database.",
        differs="one database or schema holds the tables of all plugins that are served here",
    ),
    Key("plugin", kinds.OBJECT, "By plugin; the entry backstage-py is about this service and wins over what is above."),
    *below(f"plugin.{OWN}", _EITHER),
    Key("plugin.*", without_effect=f"all plugins that are served here share one database; its entry is '{OWN}'"),
)
