"""Each example of docs/reference/sqlite-by-example.md is carried, and becomes what its row says."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import psycopg
import pytest

from howdah.model.finding_kinds import KINDS
from howdah.model.report import RunReport
from support.runs import migrate_file

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sqlite-by-example.md"
_OBJECT = re.compile(
    r"CREATE (?:UNIQUE |VIRTUAL )?(?:TABLE|VIEW|INDEX|TRIGGER) (\w+)|ADD COLUMN (\w+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Example:
    """A row of the page."""

    number: int
    feature: str
    code: str
    #: What the page says: "made", or codes of findings.
    outcome: str

    def __str__(self) -> str:
        return f"{self.number} {self.feature}"

    @property
    def view(self) -> str:
        """The query of an example that is one, or that is expressions; "" for statements."""
        first = self.code.split()[0].upper()
        if first in ("SELECT", "WITH", "VALUES"):
            return self.code
        return "" if first in ("CREATE", "ANALYZE", "PRAGMA") else f"SELECT {self.code} FROM item"

    @property
    def names(self) -> set[str]:
        """The objects that the example makes."""
        if self.view:
            return {f"example_{self.number}"}
        return {name for found in _OBJECT.findall(self.code) for name in found if name}


def read_page() -> tuple[str, list[Example]]:
    """Return the statements that make the tables of the examples, and the examples."""
    text = PAGE.read_text(encoding="utf-8")
    tables = re.search(r"```sql\n(.*?)```", text, re.DOTALL)
    assert tables is not None
    rows = [
        [part.strip().replace("\\|", "|") for part in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("| ") and line.count("`") >= 2
    ]
    return tables[1], [
        Example(number, feature, code.strip("`"), outcome)
        for number, (feature, code, outcome) in enumerate(rows, start=1)
    ]


TABLES, EXAMPLES = read_page()


def build_file(path: Path) -> Path:
    """Write all examples into one file."""
    # A newer SQLite than Python's: it has more functions, and ORDER BY in aggregates.
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(TABLES)
        # ALTER TABLE looks at every view, and some are broken.
        for example in sorted(EXAMPLES, key=lambda example: bool(example.view)):
            if example.view:
                columns = ""
                # Functions of the application are not known.
                with suppress(apsw.SQLError):
                    query = connection.execute(f"SELECT * FROM ({example.view})")
                    columns = f" ({', '.join(f'c{number}' for number, _ in enumerate(query.description))})"
                connection.execute(f"CREATE VIEW example_{example.number}{columns} AS {example.view}")
            else:
                connection.execute(example.code)
    return path


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory, module_database: str) -> tuple[RunReport, set[str]]:
    """The report of one migration of all examples, and the names of what is there afterwards."""
    directory = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOWDAH_HOME", str(directory / "howdah-home"))
        report = migrate_file(build_file(directory / "examples.db"), module_database)
    with psycopg.connect(module_database) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " UNION SELECT tgname FROM pg_trigger"
            " UNION SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " WHERE relnamespace = 'public'::regnamespace AND attnum > 0"
        ).fetchall()
    return report, {name for (name,) in rows}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_becomes_what_the_page_says(example: Example, carried: tuple[RunReport, set[str]]) -> None:
    report, there = carried
    codes = {
        finding.code
        for finding in report.findings
        if any(f'"{name}"' in finding.object for name in example.names)
    }
    assert codes == set(re.findall(r"F-\d{3}", example.outcome))
    assert codes <= set(KINDS)
    said = example.outcome.split(";")[0]
    missing = example.names - there
    if said.startswith("made"):
        assert missing == set()
    elif said.startswith("not made"):
        assert missing != set()
    else:
        assert said.startswith("nothing")
        assert example.names == set()


def test_no_two_examples_make_one_object() -> None:
    names = [name for example in EXAMPLES for name in example.names]
    assert len(names) == len(set(names)) > 180
