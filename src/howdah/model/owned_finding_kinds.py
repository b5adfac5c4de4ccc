"""Findings of a migration into a schema that the application created; part of `finding_kinds`' table."""

from __future__ import annotations

from howdah.model.finding_kind import ERROR, INFO, WARNING, FindingKind

OWNED_KINDS = (
    FindingKind(
        code="F-501",
        severity=INFO,
        title="The application created the tables",
        explanation="Rows are loaded into the tables that are there, by the types that they have. "
        "Nothing of the schema is made, changed or left different.",
    ),
    FindingKind(
        code="F-502",
        severity=INFO,
        title="A name is written otherwise in the target",
        explanation="The only table or column of the target whose name is the same but for upper and "
        "lower case, or for being cut to 63 bytes, is taken for it.",
    ),
    FindingKind(
        code="F-503",
        severity=ERROR,
        title="A table with rows has no counterpart",
        explanation="Its rows have nowhere to go, so the migration does not begin.",
        hint="Let the application create the table, or leave it out with --exclude or in the plan file.",
    ),
    FindingKind(
        code="F-504",
        severity=INFO,
        title="An empty table has no counterpart",
        explanation="There is nothing to carry.",
    ),
    FindingKind(
        code="F-505",
        severity=INFO,
        title="A table is only in the target",
        explanation="It stays as it is, with the rows that it holds.",
    ),
    FindingKind(
        code="F-506",
        severity=ERROR,
        title="A column with values has no counterpart",
        explanation="The rows go without it; the values are counted as column-left-out.",
        hint="Check that source and target are of the same version of the application.",
    ),
    FindingKind(
        code="F-507",
        severity=INFO,
        title="An empty column has no counterpart",
        explanation="There is nothing to carry.",
    ),
    FindingKind(
        code="F-508",
        severity=INFO,
        title="A column is only in the target",
        explanation="Every row gets its default.",
    ),
    FindingKind(
        code="F-509",
        severity=ERROR,
        title="A column only in the target must have a value",
        explanation="It is NOT NULL and has no default, so no row could be written; the migration "
        "does not begin.",
        hint="Name the value that all rows get with --fill TABLE.COLUMN=VALUE.",
    ),
    FindingKind(
        code="F-510",
        severity=INFO,
        title="A column only in the target gets a value by --fill",
        explanation="Every row gets it.",
    ),
    FindingKind(
        code="F-511",
        severity=WARNING,
        title="The target does not take NULL where the source holds it",
        explanation="Rows with NULL go to quarantine.",
        hint="Give them a value in the source, or let the column be NULL in the target.",
    ),
    FindingKind(
        code="F-512",
        severity=INFO,
        title="GENERATED ALWAYS AS IDENTITY",
        explanation="The source's values are written as they are, as COPY does; the sequence "
        "continues behind them.",
    ),
    FindingKind(
        code="F-513",
        severity=WARNING,
        title="The target computes a column itself",
        explanation="Its values are not written but compared: one that the target computes otherwise "
        "is a difference.",
    ),
    FindingKind(
        code="F-514",
        severity=WARNING,
        title="Triggers do not fire",
        explanation="They are disabled while rows are loaded, and afterwards are what they were. What "
        "they would have written (audit rows, counters) is not written.",
        hint="Let them fire with --fire-triggers.",
    ),
    FindingKind(
        code="F-515",
        severity=WARNING,
        title="Triggers fire",
        explanation="As asked for, for every row that is loaded: what they change in a row is a "
        "difference to the proof.",
    ),
    FindingKind(
        code="F-516",
        severity=WARNING,
        title="The table holds rows already",
        explanation='Replaced rows are kept in the state schema until "howdah finalize", and come '
        "back if the run fails or is undone.",
        hint="Choose for each table with --rows TABLE=replace, keep, merge or refuse.",
    ),
    FindingKind(
        code="F-517",
        severity=ERROR,
        title="The table holds rows already, and such a run is to be refused",
        explanation="As asked for: the migration does not begin.",
        hint="Choose replace, keep or merge for it.",
    ),
    FindingKind(
        code="F-518",
        severity=INFO,
        title="Row level security",
        explanation="The owner of a table is not subject to it.",
    ),
    FindingKind(
        code="F-519",
        severity=ERROR,
        title="Row level security would hide rows from the role",
        explanation="What cannot be seen can be neither kept nor proven; the migration does not begin.",
        hint="Use a role with BYPASSRLS, or ALTER TABLE … NO FORCE ROW LEVEL SECURITY for as "
        "long as it takes.",
    ),
    FindingKind(
        code="F-520",
        severity=INFO,
        title="Exclusion constraint",
        explanation="Rows that it rejects go to quarantine.",
    ),
    FindingKind(
        code="F-521",
        severity=INFO,
        title="The table is partitioned",
        explanation="Rows go to the partitions; a row that no partition takes goes to quarantine.",
    ),
    FindingKind(
        code="F-522",
        severity=INFO,
        title="Foreign keys are out of the way while rows are loaded",
        explanation="They are dropped, and made again with name and definition as they were, in the "
        "same transaction or (with --jobs) by the ledger. A row that one of them cannot "
        "hold goes to quarantine with the rows that refer to it.",
    ),
    FindingKind(
        code="F-523",
        severity=ERROR,
        title="The role does not own the table",
        explanation="Constraints and triggers of a table can only be put out of the way by its owner; "
        "the migration does not begin.",
        hint="Connect as the owner, or GRANT the owner's role to yours.",
    ),
    FindingKind(
        code="F-524",
        severity=ERROR,
        title="Others are connected to the database",
        explanation="An application that writes while rows are replaced loses what it writes; the "
        "migration does not begin.",
        hint="Stop the application. If the sessions do not matter, say --allow-connections.",
    ),
    FindingKind(
        code="F-525",
        severity=ERROR,
        title="Rows cannot be merged",
        explanation="Merging wants a primary key, or a unique constraint over NOT NULL columns, of "
        "columns that the source has; and no unique constraint that is deferrable. The "
        "migration does not begin.",
        hint="Choose replace or keep for it.",
    ),
    FindingKind(
        code="F-526",
        severity=INFO,
        title="Rows of the source are not carried",
        explanation="The table keeps its own rows, as asked for or as the application wants it.",
    ),
    FindingKind(
        code="F-527",
        severity=INFO,
        title="A constraint of the target is NOT VALID",
        explanation="It stays so. New rows are checked against it, so a row that it cannot hold goes "
        "to quarantine.",
    ),
)

#: What happens while the steps run; in the table behind the others of their kind.
OWNED_RUN_KINDS = (
    FindingKind(
        code="F-911",
        severity=WARNING,
        title="Rows of the target stayed beside the source's",
        explanation="As a merge wants it: those whose key the source does not have, unless they were in the "
        "way of one of its rows or lack what they refer to.",
        hint='What gave way comes back with "howdah rollback", and is gone after "howdah finalize".',
    ),
    FindingKind(
        code="F-912",
        severity=ERROR,
        title="A foreign key of the application cannot hold rows of the source",
        explanation="They went to quarantine, and rows that refer to them followed. What they refer to is "
        "not in the source, or is in quarantine itself.",
        hint='Look at them with "howdah quarantine list".',
    ),
    FindingKind(
        code="F-913",
        severity=WARNING,
        title="A sequence is used up",
        explanation="The data uses its last number. It is set to its end: the next insert fails.",
        hint="Give it a larger type or MAXVALUE.",
    ),
)

#: With one of these the migration does not begin.
REFUSED_OWNED = frozenset({"F-702", "F-503", "F-509", "F-517", "F-519", "F-523", "F-525"})
#: With this one neither, unless somebody agreed.
OTHERS_CONNECTED = "F-524"

#: These tell what a load would do or needs, and nothing about rows that are there.
OF_LOADING = frozenset(
    {"F-503", "F-509", "F-510", "F-512", "F-514", "F-515", "F-516", "F-517", "F-520"}
    | {"F-522", "F-523", OTHERS_CONNECTED, "F-525"}
)
