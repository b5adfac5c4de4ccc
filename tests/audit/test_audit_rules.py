"""Each kind of place is found, with its line; what only looks like it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.audit.examine import examine
from howdah.audit.reference import render_reference
from howdah.audit.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "audit.md"

FOUND = [
    ("app.py", "import os\nimport sqlite3\n", "A-101", 2),
    ("app.py", "from aiosqlite import connect\n", "A-101", 1),
    ("store.ts", "import Database from 'better-sqlite3';\n", "A-101", 1),
    ("store.js", "const db = require('sqlite3').verbose();\n", "A-101", 1),
    ("store.mjs", "import { DatabaseSync } from 'node:sqlite';\n", "A-101", 1),
    ("main.go", 'import (\n\t"database/sql"\n\t_ "github.com/mattn/go-sqlite3"\n)\n', "A-101", 3),
    ("settings.py", "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\n", "A-102", 1),
    ("database.ts", "const client = env('DATABASE_CLIENT', 'sqlite');\n", "A-102", 1),
    ("database.ts", "const connections = {\n  sqlite: {\n  },\n};\n", "A-102", 2),
    (".env", "HOST=0.0.0.0\nDATABASE_CLIENT=sqlite\n", "A-102", 2),
    (".env.production", 'export DB_CONNECTION="sqlite"\n', "A-102", 1),
    ("schema.prisma", 'datasource db {\n  provider = "sqlite"\n}\n', "A-102", 2),
    ("compose.yaml", "services:\n  app:\n    environment:\n      DATABASE_CLIENT: sqlite\n", "A-102", 4),
    ("compose.yaml", "services:\n  app:\n    environment:\n      - DATABASE_CLIENT=sqlite\n", "A-102", 4),
    (
        "compose.yaml",
        "services:\n  app:\n    environment:\n      DATABASE_CLIENT: ${CLIENT:-sqlite}\n",
        "A-102",
        4,
    ),
    ("Dockerfile", "FROM node:20\nENV DATABASE_CLIENT=sqlite\n", "A-102", 2),
    ("database.yml", "production:\n  adapter: sqlite3\n", "A-102", 2),
    ("app.py", "engine = create_engine('sqlite:///app.db')\n", "A-103", 1),
    ("app.py", "engine = create_engine(f'sqlite+aiosqlite:///{path}')\n", "A-103", 1),
    (".env", 'DATABASE_URL="file:./dev.db"\n', "A-103", 1),
    ("ci.yml", "env:\n  DATABASE_URL: sqlite:///test.db\n", "A-103", 2),
    ("application.properties", "spring.datasource.url=jdbc:sqlite:app.db\n", "A-103", 1),
    ("database.ts", "const filename = path.join(__dirname, '.tmp/data.db');\n", "A-104", 1),
    (".env", "DATABASE_FILENAME=.tmp/data.db\n", "A-104", 1),
    ("test_app.py", "connection = connect(':memory:')\n", "A-105", 1),
    ("Dockerfile", "RUN apt-get update && apt-get install -y sqlite3\n", "A-106", 1),
    ("backup.sh", "#!/bin/sh\nsqlite3 /data/app.db .dump > backup.sql\n", "A-106", 2),
    ("pyproject.toml", '[tool.app]\ndatabase_url = "sqlite:///app.db"\n', "A-103", 2),
    ("setup.py", "import sqlite3\n", "A-101", 1),
    ("package.json", '{\n "dependencies": {\n  "better-sqlite3": "12.4.1"\n }\n}\n', "A-201", 3),
    ("requirements.txt", "django\naiosqlite>=0.19\n", "A-201", 2),
    ("pyproject.toml", '[project]\ndependencies = [\n  "aiosqlite>=0.19",\n]\n', "A-201", 3),
    ("Gemfile", "gem 'rails'\ngem 'sqlite3', '~> 1.4'\n", "A-201", 2),
    ("package-lock.json", '{\n "packages": {\n  "node_modules/better-sqlite3": {\n', "A-202", 3),
    ("uv.lock", '[[package]]\nname = "aiosqlite"\n', "A-202", 2),
    ("app.py", "db.execute('PRAGMA journal_mode=WAL')\n", "A-301", 1),
    ("schema.sql", "CREATE TABLE t (\n id INTEGER PRIMARY KEY AUTOINCREMENT\n);\n", "A-302", 2),
    ("app.py", 'db.execute("""\n  INSERT OR REPLACE INTO t\n  VALUES (?)""")\n', "A-303", 2),
    ("app.ts", "await db.run(`REPLACE INTO t VALUES (${id})`);\n", "A-303", 1),
    ("app.py", "db.execute(\"SELECT * FROM t WHERE at > datetime('now', '-1 day')\")\n", "A-304", 1),
    ("app.js", "knex.raw(\"strftime('%Y', created_at)\");\n", "A-304", 1),
    ("app.py", "db.execute('SELECT ifnull(a, 0) FROM t')\n", "A-305", 1),
    ("app.js", "db.all('SELECT * FROM t WHERE name = \"bob\"');\n", "A-306", 1),
    ("app.py", "db.execute('SELECT * FROM users WHERE is_active = 1')\n", "A-307", 1),
    ("app.py", "db.execute(\"SELECT * FROM t WHERE name LIKE 'a%'\")\n", "A-308", 1),
    ("app.py", "db.execute(\"SELECT * FROM t WHERE name GLOB 'a*'\")\n", "A-309", 1),
    ("app.py", "db.execute('SELECT rowid, * FROM t')\n", "A-310", 1),
    ("app.py", "db.execute('INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1')\n", "A-311", 1),
    ("app.py", "db.execute('SELECT name FROM sqlite_master')\n", "A-312", 1),
    ("app.py", "db.execute('SELECT `a` FROM [my table]')\n", "A-313", 1),
    ("app.py", "db.execute('SELECT a FROM t LIMIT 10, 20')\n", "A-314", 1),
    ("app.py", "db.execute('BEGIN IMMEDIATE')\n", "A-314", 1),
    ("app.py", "db.execute('EXPLAIN QUERY PLAN SELECT 1')\n", "A-314", 1),
    ("schema.sql", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);\n", "A-315", 1),
    ("schema.sql", "CREATE TABLE t (\n a TEXT,\n at DATETIME\n);\n", "A-316", 3),
    ("app.py", "db.execute('SELECT a FROM t ORDER BY a COLLATE NOCASE')\n", "A-317", 1),
    ("app.js", "db.pragma('journal_mode = WAL');\n", "A-301", 1),
    ("app.js", "dbc.pragma?.('main.foreign_key_check(note)');\n", "A-301", 1),
    ("app.js", "db.raw('SELECT page_count FROM pragma_page_count()');\n", "A-301", 1),
    ("app.js", "q.where(`json_extract(sess, '$.user') = :user`, { user });\n", "A-305", 1),
    ("app.py", "query.order_by(text('ifnull(rank, 0)'))\n", "A-305", 1),
    ("app.py", 'where(\'created > strftime("%s", datetime("now"))\')\n', "A-304", 1),
    ("app.py", "db.execute(f'PRAGMA {name}')\n", "A-301", 1),
    ("app.py", "db.execute('PRAGMA main.cipher_page_size = 4096')\n", "A-301", 1),
    ("app.py", "subprocess.run('sqlite3 data/app.db .dump', shell=True)\n", "A-106", 1),
    ("app.js", "db.run('ALTER TABLE note ADD COLUMN icon TEXT NOT NULL DEFAULT \"\"');\n", "A-306", 1),
    ("app.js", "db.run('ALTER TABLE note ADD COLUMN kind TEXT DEFAULT \"plain\"');\n", "A-306", 1),
    ("app.js", "db.run('UPDATE note SET a = 1 WHERE b <> \"\"');\n", "A-306", 1),
    ("migrations/sqlite/mysql-like.js", "db.run('SELECT `a` FROM t');\n", "A-313", 1),
]

NOT_FOUND = [
    ("app.py", '"""Was on sqlite3 once: PRAGMA journal_mode."""\nimport psycopg\n'),
    ("app.py", "# engine = create_engine('sqlite:///app.db')\nx = 1\n"),
    ("app.py", "if dialect == 'sqlite':\n    pass\n"),
    ("app.py", "print('Select a file from the list')\n"),
    ("app.py", "raise ValueError('update your settings')\n"),
    ("app.py", "log('We moved from sqlite to postgres')\n"),
    ("app.py", "db.execute('SELECT \"name\" FROM t WHERE a = %s')\n"),
    ("app.py", "db.execute('SELECT a.b FROM a JOIN c ON a.id = \"c\".id')\n"),
    ("app.py", "db.execute('SELECT xs[1:5] FROM t')\n"),
    ("app.py", "db.execute(\"SELECT date '2024-01-01', count(*) FROM t\")\n"),
    ("app.py", "db.execute('CREATE TRIGGER x AFTER INSERT OR UPDATE ON t EXECUTE FUNCTION f()')\n"),
    ("app.py", "db.execute('INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING')\n"),
    ("app.py", "db.execute('UPDATE t SET level = 1 WHERE version = 1')\n"),
    ("app.ts", "// import Database from 'better-sqlite3';\nconst a = 1;\n"),
    ("app.ts", "const names = ['better-sqlite3', 'pg'];\n"),
    ("schema.sql", "-- INTEGER PRIMARY KEY AUTOINCREMENT\nCREATE TABLE t (a text);\n"),
    (".env", "# DATABASE_CLIENT=sqlite\nDATABASE_CLIENT=postgres\n"),
    ("schema.prisma", '// provider = "sqlite"\ndatasource db {\n  provider = "postgresql"\n}\n'),
    ("package.json", '{\n "description": "no better-sqlite3 any more",\n "dependencies": {"pg": "8"}\n}\n'),
    ("types.ts", "export type Driver = 'mysql' | 'pg' | 'sqlite3';\n"),
    ("types.ts", "  client: Exclude<Driver, 'sqlite3'>;\n"),
    ("app.js", "const DatabaseClients = ['mysql', 'postgres', 'sqlite', 'oracle'];\n"),
    ("migrations/mysql/1-init.js", "db.run('CREATE TABLE `t` (`at` datetime, `body` longtext)');\n"),
    ("schema.postgresql.sql", "SELECT a FROM t WHERE a LIKE 'x%';\n"),
    ("app.js", "throw new Error('json_extract() is not known');\n"),
    ("app.py", "db.execute('CREATE TABLE t (a text DEFAULT (\\'\\'))')\n"),
    ("app.py", "commands = ['pragma list', 'pragma verbose=true']\n"),
    ("app.py", "raise RuntimeError('sqlite3 must be compiled with threads')\n"),
    ("app.py", "raise RuntimeError('sqlite3 3.35.0 or newer is needed')\n"),
    ("app.py", "write('{{ now().strftime(\"%Y\") }}')\n"),
    ("styles.yaml", "icon: thumbs.db\n"),
    ("pnpm-lock.yaml", "packages:\n  knex@3.1.0:\n    driver: sqlite\n"),
]


@pytest.mark.parametrize(("path", "text", "code", "line"), FOUND)
def test_the_place_is_found(path: str, text: str, code: str, line: int) -> None:
    assert (code, line) in [(finding.code, finding.line) for finding in examine(path, text)]


@pytest.mark.parametrize(("path", "text"), NOT_FOUND)
def test_what_only_looks_like_it_is_not(path: str, text: str) -> None:
    assert [(finding.code, finding.what) for finding in examine(path, text)] == []


def test_every_rule_has_an_example() -> None:
    files_as_a_whole = {"A-401", "A-402"}
    assert {code for _, _, code, _ in FOUND} == set(RULES) - files_as_a_whole


def test_the_reference_lists_the_rules() -> None:
    assert PAGE.read_text() == render_reference(), (
        "python -m howdah.audit.reference > docs/reference/audit.md"
    )


@pytest.mark.parametrize(
    "line",
    [
        "url = 'sqlite://user:hunter2@host/app.db'",
        "url = 'sqlite://user:a@hunter2/b@host/app.db'",
        "url = 'sqlite+pysqlcipher://:hunter2@/app.db?cipher=aes'",
        "connect('sqlite:///app.db', 'redis://:hunter2@cache')",
        "connect('sqlite:///app.db', password='a hunter2 b')",
        "db.execute(\"PRAGMA key = 'hunter2'\")",
        "db.execute('PRAGMA main.rekey = \"x\\'hunter2\\'\"')",
        "db.execute(\"ATTACH DATABASE 'a.db' AS a KEY 'hunter2'\")",
    ],
)
def test_no_secret_is_shown(line: str) -> None:
    findings = examine("app.py", f"{line}\n")
    assert findings
    assert "hunter2" not in repr(findings)


def test_the_arguments_of_a_virtual_table_are_no_texts_in_double_quotes() -> None:
    sql = 'CREATE VIRTUAL TABLE note_fts USING fts5(title, content="note", tokenize="porter")'
    findings = examine("app.js", f"db.run('{sql}');\n")
    assert [(finding.code, finding.what) for finding in findings] == [("A-314", "CREATE VIRTUAL TABLE")]


def test_a_key_of_an_encrypted_database_in_a_query_builder_is_not_shown() -> None:
    findings = examine("app.js", "require('better-sqlite3')(file).pragma(\"key='hunter2'\");\n")
    assert findings
    assert "hunter2" not in repr(findings)
