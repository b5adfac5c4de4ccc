"""The deployment of the example: what its files promise, held against schema, settings and a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest
import yaml

from howdah.errors import EnvironmentFailedError
from howdah.ops.content import ContentRequest
from howdah.ops.content import create as create_content
from howdah.ops.target import TargetRequest
from howdah.postgres.embedded import start_embedded
from howdah.service.admin_settings import ADMIN_VARIABLES
from howdah.service.api.settings import API_VARIABLES
from howdah.service.backup_settings import BACKUP_VARIABLES
from howdah.service.database_variables import DATABASE_VARIABLES
from howdah.service.log_settings import LOG_VARIABLES

ROOT = Path(__file__).parent.parent.parent
TREE = ROOT / "examples" / "agent-platform"
SCHEMA = ROOT / "tests" / "data" / "compose" / "compose-spec.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((TREE / "compose.yaml").read_text())
    return document


def check(document: dict[str, Any]) -> None:
    jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text())).validate(document)


def test_the_compose_file_is_one_by_the_specifications_schema(compose: dict[str, Any]) -> None:
    check(compose)


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [("api", "depend_on", []), ("postgres", "healthcheck", {"tst": []}), ("nginx", "ports", 80)],
)
def test_the_schema_sees_mistakes(compose: dict[str, Any], service: str, name: str, value: Any) -> None:
    broken = json.loads(json.dumps(compose))
    broken["services"][service][name] = value
    with pytest.raises(jsonschema.ValidationError):
        check(broken)


def test_every_service_waits_for_the_health_of_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    needs = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    assert needs == {
        "prepare": set(),
        "postgres": {"prepare"},
        "api": {"prepare", "postgres"},
        "nginx": {"prepare", "api"},
        "backup": {"prepare", "postgres"},
        "strapi": {"prepare", "postgres"},
    }
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if needed == "prepare":
                assert how["condition"] == "service_completed_successfully"
                continue
            assert how["condition"] == "service_healthy", name
            assert "healthcheck" in services[needed]
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"][1]
    assert services["postgres"]["image"] == "postgres:16-alpine"
    assert services["strapi"]["profiles"] == ["strapi"]


#: Group that writes, by container; of postgres its image's own, which begins as root and goes on as this.
_GROUPS = {"postgres": 70, "api": 10001, "nginx": 101, "backup": 10001, "strapi": 1000}
#: What images make for their users themselves, or make the owner's.
_OF_IMAGES = {"postgres-data", "howdah-home"}


def test_what_a_container_writes_into_is_made_its_own_before(compose: dict[str, Any], tmp_path: Path) -> None:
    services = compose["services"]
    places = dict(mount.split(":")[:2] for mount in services["prepare"]["volumes"])
    wanted = []
    for name, service in services.items():
        for source, _, *mode in (mount.split(":") for mount in service.get("volumes", [])):
            if name != "prepare" and mode != ["ro"] and source not in _OF_IMAGES:
                assert source in places, f"{name} cannot write into {source}"
                wanted.append((name, places[source], service.get("group_add", [])))
    assert len(wanted) >= 6
    if os.geteuid() != 0:
        pytest.skip("only root gives files to other groups")
    script = services["prepare"]["command"][0].replace("$$", "$").replace("/prepare", str(tmp_path))
    for place in places.values():
        Path(place.replace("/prepare", str(tmp_path))).mkdir()
    (tmp_path / "uploads" / "old.png").touch()
    shell, options = services["prepare"]["entrypoint"]
    subprocess.run([shell, options, script], check=True)
    for name, place, further in wanted:
        found = Path(place.replace("/prepare", str(tmp_path))).stat()
        assert found.st_gid in (_GROUPS[name], *map(int, further)), (name, place)
        assert found.st_mode & 0o2070 == 0o2070
    assert (tmp_path / "uploads" / "old.png").stat().st_uid == 10001


def test_containers_of_ours_are_not_root_and_cannot_write_to_themselves(compose: dict[str, Any]) -> None:
    for name in ("api", "nginx", "backup", "strapi"):
        service = compose["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert not service["user"].startswith("0"), name


def test_no_secret_is_in_the_tree_and_each_that_is_mounted_is_made(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    for name, service in compose["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|SALT|KEYS?$", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert str(value).startswith("/run/secrets/")
    copy = tmp_path / "tree"
    (copy / "scripts").mkdir(parents=True)
    script = copy / "scripts" / "make-secrets"
    script.write_bytes((TREE / "scripts" / "make-secrets").read_bytes())
    (copy / "secrets").mkdir()
    (copy / "secrets" / "jwt_secret").write_text("the old Strapi's")
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (copy / "secrets").iterdir()}
    assert set(made) == set(compose["secrets"])
    assert made.pop("jwt_secret") == "the old Strapi's"
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in made.values())
    assert len(set(made.values())) == len(made)


def test_git_would_take_no_database_dump_log_or_secret() -> None:
    ignored = [
        "data.db",
        ".tmp/data.db",
        "x.sqlite3",
        "data.db-wal",
        "secrets/jwt_secret",
        ".env",
        "database/backups/strapi/backups/a/dump.pgc",
        "logs/api/today.log",
        "nginx/tls/privkey.pem",
        "dump.sql.gz",
    ]
    kept = ["strapi.db", ".env.example", "logs/api/.gitkeep", "database/backups/.gitkeep"]
    answer = subprocess.run(
        ["git", "check-ignore", "--no-index", *ignored, *kept],
        cwd=TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.splitlines() == ignored


def test_settings_of_the_service_are_ones_that_it_reads(compose: dict[str, Any]) -> None:
    known = {
        spelling + suffix
        for settings in (
            *DATABASE_VARIABLES.values(),
            ADMIN_VARIABLES,
            API_VARIABLES,
            BACKUP_VARIABLES,
            LOG_VARIABLES,
        )
        for setting in settings
        for spelling in (setting.name, *setting.aliases)
        for suffix in ("", "_FILE")
    }
    given = set(compose["services"]["api"]["environment"])
    assert given <= known


def test_the_example_of_the_environment_names_every_variable_of_the_compose_file() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (TREE / "compose.yaml").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (TREE / ".env.example").read_text(), re.MULTILINE))
    assert used - {"HOWDAH_IMAGE"} == named


def test_the_backends_configuration_offers_postgresql_alone() -> None:
    config = (TREE / "backend" / "config" / "database.ts").read_text()
    package = json.loads((TREE / "backend" / "package.json").read_text())
    assert "pg" in package["dependencies"]
    assert not [name for name in package["dependencies"] if "sqlite" in name]
    for timeout in ("acquire", "create", "destroy", "idle"):
        assert f"{timeout}TimeoutMillis" in config
    assert "@deprecated" in config
    # Only the block that is marked speaks of SQLite in code.
    after = config.split("export default")[1]
    assert "sqlite" not in after.replace("SQLite", "").lower()


def read_server_settings() -> dict[str, str]:
    text = (TREE / "database" / "postgresql.conf").read_text()
    found = re.findall(r"^([a-z_]+) = (?:'([^']*)'|(\S+))", text, re.MULTILINE)
    assert len({name for name, *_ in found}) == len(found) > 25
    return {name: quoted or bare for name, quoted, bare in found}


def test_a_server_starts_with_the_configuration_and_would_refuse_a_wrong_one(
    server_bindir: Path,
) -> None:
    here = {"listen_addresses": "", "log_directory": "log-of-test", "shared_buffers": "64MB"}
    settings = read_server_settings() | here
    with tempfile.TemporaryDirectory(prefix="howdah-conf-", ignore_cleanup_errors=True) as directory:
        place = Path(directory) / "pg"
        with pytest.raises(EnvironmentFailedError, match="did not start"):
            start_embedded(place, bindir=server_bindir, settings=settings | {"wal_compresion": "on"})
        server = start_embedded(place, bindir=server_bindir, settings=settings, end_with_parent=True)
        try:
            with psycopg.connect(server.conninfo()) as connection:
                assert connection.execute("SHOW max_connections").fetchone() == ("60",)
                assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        finally:
            server.stop(mode="immediate")


# --- Roles.


@pytest.fixture
def platform_database(database: str, server_bindir: Path, tmp_path: Path) -> dict[str, str]:
    """A database made by database/init as the image would; conninfo by role."""
    for name in ("owner_password", "app_password"):
        (tmp_path / name).write_text(f"{name}-C4n4ry'\\\n")
    parameters = psycopg.conninfo.conninfo_to_dict(database)
    environment = {
        "PATH": f"{server_bindir}:{os.environ['PATH']}",
        "PGHOST": str(parameters["host"]),
        "PGPORT": str(parameters["port"]),
        "PGPASSWORD": str(parameters["password"]),
        "POSTGRES_USER": str(parameters["user"]),
        "POSTGRES_DB": str(parameters["dbname"]),
        "SECRETS_DIRECTORY": str(tmp_path),
    }
    with psycopg.connect(database, autocommit=True) as admin:
        for role in ("platform_app", "platform_owner"):
            if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                admin.execute(f"DROP ROLE {role}".encode())
    subprocess.run(
        ["sh", str(TREE / "database" / "init" / "10-roles.sh")],
        env=environment,
        check=True,
        capture_output=True,
    )
    return {"admin": database} | {
        role: psycopg.conninfo.make_conninfo(
            database, user=f"platform_{role}", password=f"{role}_password-C4n4ry'\\"
        )
        for role in ("owner", "app")
    }


def test_the_owner_makes_the_tables_and_the_api_may_only_use_them(
    platform_database: dict[str, str],
) -> None:
    create_content(
        ContentRequest(
            directory=TREE,
            target=TargetRequest(target=platform_database["owner"]),
        )
    )
    with psycopg.connect(platform_database["app"], autocommit=True) as app:
        app.execute("INSERT INTO agents (document_id, name) VALUES ('d', 'n')")
        assert app.execute("SELECT id, name FROM agents").fetchone() == (1, "n")
        app.execute("UPDATE agents SET name = 'm'")
        app.execute("DELETE FROM agents")
        for forbidden in (
            "CREATE TABLE mine ()",
            "ALTER TABLE agents ADD mine int",
            "TRUNCATE agents",
            "DROP TABLE agents",
            "CREATE SCHEMA mine",
            "CREATE TEMPORARY TABLE mine ()",
            "CREATE ROLE mine",
            "COPY agents TO PROGRAM 'cat'",
            "SELECT setval('agents_id_seq', 1)",
            "SELECT pg_read_file('postgresql.conf')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(forbidden.encode())


def test_nobody_else_may_connect(platform_database: dict[str, str]) -> None:
    with psycopg.connect(platform_database["admin"], autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS somebody")
        admin.execute("CREATE ROLE somebody LOGIN PASSWORD 'x'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(platform_database["admin"], user="somebody", password="x")


def test_the_guides_statements_work(platform_database: dict[str, str]) -> None:
    create_content(ContentRequest(directory=TREE, target=TargetRequest(target=platform_database["owner"])))
    guide = (TREE / "docs" / "postgresql-verification.md").read_text()
    blocks = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 6
    with psycopg.connect(platform_database["owner"], autocommit=True) as owner:
        for block in blocks[:5]:
            for statement in filter(None, map(str.strip, textwrap.dedent(block).split(";"))):
                owner.execute(statement.encode())
    allowed, refused = filter(None, map(str.strip, textwrap.dedent(blocks[5]).split(";")))
    with psycopg.connect(platform_database["app"], autocommit=True) as app:
        app.execute(allowed.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(refused.encode())
