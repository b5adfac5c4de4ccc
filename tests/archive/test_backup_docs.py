"""The reference of the repository names every field that is written."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from howdah.model.backup import (
    ContentDifference,
    DatabaseFacts,
    DrillReport,
    Manifest,
    RoleFacts,
    SchemaObject,
    SequenceContent,
    StoredFile,
    TableContent,
)

DOCS = Path(__file__).parents[2] / "docs"


def test_every_field_of_manifest_and_drill_is_documented() -> None:
    named = set(re.findall(r"`([a-z_0-9]+)`", (DOCS / "reference" / "backups.md").read_text()))
    for kind in (
        ContentDifference,
        DatabaseFacts,
        DrillReport,
        Manifest,
        RoleFacts,
        SchemaObject,
        SequenceContent,
        StoredFile,
        TableContent,
    ):
        assert {field.name for field in fields(kind)} <= named, kind.__name__


def test_every_code_that_the_guide_explains_exists() -> None:
    source = "".join(path.read_text() for path in (DOCS.parent / "src" / "howdah").rglob("*.py"))
    for code in re.findall(r"\bB-\d{3}\b", (DOCS / "how-to" / "restore.md").read_text()):
        assert f'"{code}"' in source, code
