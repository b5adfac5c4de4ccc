"""
The table of findings: every code, its severity, what it means, what to do about it.

Data and one constructor. A code is stable and never reused. The first digit tells the
subject: 0 the file, 1 objects of the source, 2 types and values, 3 defaults, keys, constraints and
indexes, 4 the target, 5 a schema that the application created, 6 the way back, 9 what happened while
the steps ran.
`findings_reference` writes docs/reference/findings.md from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from howdah.model.finding_kind import ERROR, INFO, WARNING, FindingKind
from howdah.model.findings import Finding
from howdah.model.owned_finding_kinds import OWNED_KINDS, OWNED_RUN_KINDS

_KINDS = (
    FindingKind(
        code="F-001",
        severity=WARNING,
        title="The file is empty",
        explanation="SQLite takes an empty file for a database without tables.",
        hint="If it should hold data, the path may be wrong, or the copy failed.",
    ),
    FindingKind(
        code="F-002",
        severity=WARNING,
        title="A database in WAL mode has no -wal file",
        explanation="After a clean stop of the application that is all right. A copy made while the "
        "application "
        "ran lacks its latest changes and looks healthy.",
        hint="Copy the -wal together with the file, or use sqlite3 app.db '.backup copy.db'.",
    ),
    FindingKind(
        code="F-003",
        severity=WARNING,
        title="The file was made by a newer SQLite",
        explanation="Older libraries may read it, but not write.",
    ),
    FindingKind(
        code="F-004",
        severity=WARNING,
        title="The database was recovered in the snapshot",
        explanation="What an interrupted writer had not committed is not in it. The source itself is as it "
        "was.",
    ),
    FindingKind(
        code="F-005",
        severity=INFO,
        title="Numbers in the file's header are not carried",
        explanation="PRAGMA user_version and application_id have no place in PostgreSQL. Applications often "
        "keep the version of their schema there.",
        hint="If the application asks for them, keep them in a table.",
    ),
    FindingKind(
        code="F-006",
        severity=WARNING,
        title="Committed changes in the -wal file cannot be read",
        explanation="SQLite reads a -wal as far as its checksums are right and passes over the rest in "
        "silence. Behind that place, or in a -wal whose beginning is none, transactions end: after a loss of "
        "power, or where the file is damaged. The application does not see these changes either.",
        hint="Restore file and -wal together from a backup if the changes matter.",
    ),
    FindingKind(
        code="F-101",
        severity=ERROR,
        title="A virtual table is not carried",
        explanation="It is the work of a module of SQLite (full text, R*Tree…) that PostgreSQL does not "
        "have. The tables it was built from are carried; the index itself is not. Where it keeps rows that "
        "cannot be read through it (a tokenizer of the application, a language for each row, compression, "
        "unindexed columns without the text, geopoly), the table behind it that holds them is carried.",
        hint="For full text, add a tsvector column and a GIN index; for R*Tree, PostGIS or range types.",
    ),
    FindingKind(
        code="F-102",
        severity=INFO,
        title="Shadow tables are left out",
        explanation="They are the private storage of a virtual table and mean nothing without its module.",
    ),
    FindingKind(
        code="F-103",
        severity=ERROR,
        title="A trigger is not carried",
        explanation="Triggers are programs in SQLite's dialect. Those whose translation is certain are made "
        "once the rows are there; of the others triggers.sql in the report directory has a stub, and of "
        "those that were not to be made (policy stub) the translation.",
        hint="Finish triggers.sql in the report directory and run it, or let the application do its work.",
    ),
    FindingKind(
        code="F-104",
        severity=ERROR,
        title="A view is not carried",
        explanation="Its SELECT uses something that has no certain equal in PostgreSQL; the detail names it.",
        hint="Write the view by hand from the SQL in the detail.",
    ),
    FindingKind(
        code="F-105",
        severity=WARNING,
        title="A view is broken in the source",
        explanation="SQLite itself cannot run it, so there is nothing to carry.",
        hint="Drop it, or correct it in the source.",
    ),
    FindingKind(
        code="F-106",
        severity=ERROR,
        title="A table could not be read to the end",
        explanation="SQLite reports damage while reading it; the rows behind the damage are not seen.",
        hint='Run "PRAGMA integrity_check" on the source and restore a backup of it.',
    ),
    FindingKind(
        code="F-107",
        severity=WARNING,
        title="Part of a CREATE statement was not understood",
        explanation="Columns and keys are known from SQLite's own catalog; constraints in the part shown "
        "may be missing.",
        hint="Compare the part in the detail with the planned table.",
    ),
    FindingKind(
        code="F-108",
        severity=ERROR,
        title="Rows of a damaged source are lost",
        explanation="With --salvage what can be read is carried. The message names the range of row numbers "
        "between readable rows in which there is damage; how many rows were there is not known. Rows whose "
        "page belongs to another table, or whose number cannot be theirs, are left out. Rows that can be "
        "read, but whose pages do not add up or are used twice, are carried, and named as what may be wrong.",
        hint="Restore them from a backup of the source.",
    ),
    FindingKind(
        code="F-109",
        severity=ERROR,
        title="An object of a damaged source could not be salvaged in full",
        explanation="Its definition or its pages cannot be read, or its rows contradict its constraints.",
        hint="Restore it from a backup of the source.",
    ),
    FindingKind(
        code="F-110",
        severity=ERROR,
        title="The source is damaged and was salvaged",
        explanation="What could be read of it was written to the snapshot, which is carried and proven. The "
        "run ends with exit status 8 all the same.",
        hint="Restore a backup if there is one.",
    ),
    FindingKind(
        code="F-111",
        severity=WARNING,
        title="A virtual table becomes an ordinary one",
        explanation="The rows that a full-text or R*Tree table keeps are carried, with the number of each "
        "(rowid). What its module does with them, MATCH and ranking, is not there.",
        hint="For full text say --full-text, or run the statement in the detail; query with @@ instead of "
        "MATCH. For R*Tree, use PostGIS or range types with a GiST index.",
    ),
    FindingKind(
        code="F-112",
        severity=ERROR,
        title="A generated column is left out",
        explanation="It is VIRTUAL, so its values are stored nowhere, and SQLite cannot compute them: it "
        "calls a function that only the application has, or fails on a row. The rest of the table is "
        "carried; indexes and constraints over the column, which the detail names, are not.",
        hint="Let the application compute it, or make it STORED in the source first.",
    ),
    FindingKind(
        code="F-113",
        severity=WARNING,
        title="Rows without their parent were corrected",
        explanation="As the policy for orphans asks, the columns of the foreign key are NULL, or the rows "
        "are left out, with those that refer to them. It was done to the copy that is carried and proven; "
        "the source is as it was. The report names the values.",
        hint="Keep the SQLite file: what is no longer there is only in it.",
    ),
    FindingKind(
        code="F-114",
        severity=WARNING,
        title="A foreign key without its parents cannot be NULL",
        explanation="The policy for orphans asks for NULL, and no column of this key may be NULL. The rows "
        "are carried as they are, the key stays NOT VALID.",
        hint='Choose "quarantine" or "delete" for the table in the plan file, or add the parents.',
    ),
    FindingKind(
        code="F-115",
        severity=WARNING,
        title="Rows point nowhere",
        explanation="A foreign key of theirs names a row that is not there: SQLite does not look unless the "
        "application asks it to (PRAGMA foreign_keys). By default they are carried, and the key is NOT VALID "
        "in PostgreSQL: it guards new rows only. inspect and plan look for them beforehand; a migration says "
        "of each key whether the server took it (F-902).",
        hint="Add the parents, or choose with --policy orphans=… (quarantine, null, delete), for one table "
        "in the plan file.",
    ),
    FindingKind(
        code="F-121",
        severity=WARNING,
        title="A name is changed",
        explanation="PostgreSQL keeps 63 bytes of a name, has no empty names, reserves the names of its "
        "system "
        "columns and has one namespace for tables, views, indexes and sequences.",
        hint="Choose another name with target_name in the plan file, or change the application's queries.",
    ),
    FindingKind(
        code="F-201",
        severity=INFO,
        title="Values are converted",
        explanation="Every stored value has one unambiguous form, and the declared type says what it means. "
        "The conversion is exact and is undone by the proof.",
        hint="Compare smallest and largest value with what you expect; set another type in the plan file if "
        "they are wrong.",
    ),
    FindingKind(
        code="F-202",
        severity=WARNING,
        title="A date or time column is kept as stored",
        explanation="The values have no single unambiguous form (several formats, small integers, years…), "
        "so "
        "nothing is converted.",
        hint="If you know what they mean, set type and codec in the plan file, or unify them in the source.",
    ),
    FindingKind(
        code="F-203",
        severity=WARNING,
        title="Numbers do not fit the declared precision",
        explanation="SQLite does not enforce DECIMAL(p,s). The column becomes numeric without limits, "
        "which keeps "
        "every value.",
        hint='To round instead, set the declared type and rounding = "half-away" in the plan file; every '
        "changed value is counted.",
    ),
    FindingKind(
        code="F-204",
        severity=WARNING,
        title="Texts are longer than declared",
        explanation="SQLite does not enforce VARCHAR(n). The column becomes text, which keeps every value.",
    ),
    FindingKind(
        code="F-205",
        severity=WARNING,
        title="A column holds other values than its type declares",
        explanation="SQLite lets stored values disagree with the declared type. The column gets the type "
        "that keeps "
        "them all exactly.",
        hint="Correct the rows in the source, or choose the type you want in the plan file; rows that do "
        "not fit "
        "it then go to quarantine.",
    ),
    FindingKind(
        code="F-206",
        severity=ERROR,
        title="Rows will be quarantined: values of a class that the type cannot hold",
        explanation="No PostgreSQL type holds all the stored values exactly. The smaller part is set "
        "aside, row by "
        "row, with every byte.",
        hint='Choose type "bytea" with codec "bytes" and text = "utf8" to keep texts as bytes beside the '
        "blobs, "
        "or correct the rows.",
    ),
    FindingKind(
        code="F-207",
        severity=WARNING,
        title="Text and blobs in one column",
        explanation="One class takes the form of the other, its bytes unchanged; which values were text and "
        "which were blobs is not kept. The report counts them.",
    ),
    FindingKind(
        code="F-208",
        severity=WARNING,
        title="A boolean column holds other values than 0 and 1",
        explanation="The column is kept as stored, because nothing was said of what the other values mean. "
        "Rails before 5.2 wrote 't' and 'f', others write 'true' and 'false'.",
        hint="Say --policy booleans=words where they are words for true and false, or correct the rows in "
        "the source; then plan again.",
    ),
    FindingKind(
        code="F-209",
        severity=WARNING,
        title="A JSON column holds values that are not JSON",
        explanation="Texts such as '', NaN or a Python dict are not JSON by RFC 8259; the column is kept "
        "as stored.",
        hint="Correct the rows in the source, or set the type json in the plan file; rows that do not fit "
        "then go "
        "to quarantine.",
    ),
    FindingKind(
        code="F-210",
        severity=WARNING,
        title="A UUID column is kept as stored",
        explanation="PostgreSQL's uuid prints lower case with hyphens; other spellings, and blobs whose "
        "byte order is "
        "not known, would not come back as they were.",
        hint="If the spelling does not matter, set the type uuid in the plan file.",
    ),
    FindingKind(
        code="F-211",
        severity=ERROR,
        title="Rows will be quarantined: text with NUL",
        explanation="PostgreSQL's text cannot hold the character U+0000.",
        hint='Set nul = "strip" or "replace" for the column in the plan file to change the values instead; '
        "every "
        "changed value is counted.",
    ),
    FindingKind(
        code="F-212",
        severity=ERROR,
        title="Rows will be quarantined: invalid UTF-8",
        explanation="PostgreSQL takes only valid UTF-8.",
        hint='Set invalid_utf8 = "latin1", "replace" or "escape" for the column in the plan file; every '
        "changed "
        "value is counted.",
    ),
    FindingKind(
        code="F-213",
        severity=ERROR,
        title="Refused: a value is too large for PostgreSQL",
        explanation="A field holds less than 1 GB, and a bytea over 512 MB loads but can never be dumped "
        "again.",
        hint="Move these values out of the database, or leave the table out with --exclude.",
    ),
    FindingKind(
        code="F-214",
        severity=INFO,
        title="An indexed JSON column becomes text",
        explanation="PostgreSQL's json has no equality, so it can be in no key and no index.",
        hint="Choose jsonb if the exact text does not matter.",
    ),
    FindingKind(
        code="F-215",
        severity=INFO,
        title="Digits were lost before",
        explanation="The affinity of the declared type made SQLite convert texts to numbers when they were "
        "written: "
        "leading zeros, or digits beyond the 15th, are gone in the source already.",
    ),
    FindingKind(
        code="F-216",
        severity=INFO,
        title="A column takes the type of the column it references",
        explanation="PostgreSQL compares both sides of a foreign key, so they must have one type.",
    ),
    FindingKind(
        code="F-217",
        severity=WARNING,
        title="JSON that jsonb cannot hold",
        explanation="jsonb refuses U+0000 and half surrogate pairs, which JSON allows; json keeps the text "
        "as it is.",
        hint="Correct the values, or set the type jsonb in the plan file; rows that do not fit then go to "
        "quarantine.",
    ),
    FindingKind(
        code="F-218",
        severity=WARNING,
        title="The type asked for does not hold every value",
        explanation="The plan file asks for a type that is too small for some values, or may be. Rows with "
        "such values go to quarantine; no value is cut, wrapped or rounded to fit.",
        hint="Ask for a larger type, or leave the type out of the plan file.",
    ),
    FindingKind(
        code="F-219",
        severity=WARNING,
        title="The application's type does not hold every value",
        explanation="The target's column has a type that is too small for some values, or may be. Rows with "
        "such values go to quarantine; no value is cut, wrapped or replaced to fit.",
        hint="Correct the values in the source, or widen the column in the application before migrating.",
    ),
    FindingKind(
        code="F-220",
        severity=INFO,
        title="Numbers are read as moments",
        explanation="The target's column is a date or timestamp, the source counts. The detail shows the "
        "first and the last as they are read.",
        hint="If they are wrong, set the parameter unit of the column in the plan file.",
    ),
    FindingKind(
        code="F-221",
        severity=WARNING,
        title="The unit of numbers in a column of moments is not clear",
        explanation="Neither this column nor others of its declared type tell what is counted. Each number "
        "that only one unit brings between 1990 and 2100 is read so; rows with another go to quarantine.",
        hint='Set the parameter unit ("s", "ms", "us", "ns", "days", "julian"…) of the column in the plan '
        "file.",
    ),
    FindingKind(
        code="F-222",
        severity=ERROR,
        title="No codec writes the type of the target",
        explanation="Composite types, geometry and some others have no form in SQLite that Howdah knows.",
        hint="Make the column text for the migration and give it its type again afterwards "
        "(ALTER TABLE … ALTER COLUMN … TYPE …), or leave the table out.",
    ),
    FindingKind(
        code="F-223",
        severity=WARNING,
        title="Decimals are rounded to the scale of the application's type",
        explanation="The shortest decimal of the stored number is rounded half away from zero, as the "
        "application's own driver would have it done. The report counts the values.",
        hint="Widen the column in the application before migrating to keep every digit.",
    ),
    FindingKind(
        code="F-224",
        severity=INFO,
        title="Numbers are read as lengths of time",
        explanation="The target's column is an interval, the source counts.",
        hint='If another unit is meant, set the parameter unit ("s", "ms", "us", "ns", "ticks") of the '
        "column in the plan file.",
    ),
    FindingKind(
        code="F-225",
        severity=WARNING,
        title="A JSON column holds texts that are no JSON",
        explanation="Rows with such a text go to quarantine, unless the plan says what it becomes.",
        hint='Set bare = "string" for the column in the plan file to make JSON strings of them.',
    ),
    FindingKind(
        code="F-226",
        severity=INFO,
        title="The application's type has rules of its own",
        explanation="PostgreSQL holds every row against the checks of the domain; those that break one go to "
        "quarantine.",
    ),
    FindingKind(
        code="F-227",
        severity=WARNING,
        title="Rows will be quarantined: an enum lacks labels",
        explanation="Labels are compared letter by letter, upper and lower case apart.",
        hint="Add the labels to the type (ALTER TYPE … ADD VALUE), or correct the values in the source.",
    ),
    FindingKind(
        code="F-301",
        severity=ERROR,
        title="A default is not carried",
        explanation="It is no value that the planned type can hold, or calls a function that has no "
        "certain equal.",
        hint="Set the default by hand, or let the application give the value.",
    ),
    FindingKind(
        code="F-302",
        severity=ERROR,
        title="A CHECK is not carried",
        explanation="It uses something that has no certain equal in PostgreSQL; the detail names it.",
        hint="Write the constraint by hand from the SQL in the detail.",
    ),
    FindingKind(
        code="F-303",
        severity=WARNING,
        title="A generated column becomes an ordinary one",
        explanation="Its values are carried, but PostgreSQL does not compute new ones.",
        hint="Write the expression by hand, or let the application compute it.",
    ),
    FindingKind(
        code="F-304",
        severity=WARNING,
        title="NOT NULL is not carried",
        explanation="The column is declared NOT NULL and holds NULLs all the same.",
        hint="Correct the rows, then set NOT NULL.",
    ),
    FindingKind(
        code="F-305",
        severity=WARNING,
        title="A primary key holds NULLs",
        explanation="SQLite allows that, PostgreSQL does not. The table gets a unique index instead.",
        hint="Give these rows a key, then add the primary key.",
    ),
    FindingKind(
        code="F-306",
        severity=WARNING,
        title="An index is not carried",
        explanation="Queries that used it will be slower; no data and no rule depends on it.",
        hint="Create it by hand from the SQL in the detail.",
    ),
    FindingKind(
        code="F-307",
        severity=ERROR,
        title="A unique index is not carried",
        explanation="PostgreSQL will accept duplicates that SQLite refused.",
        hint="Create it by hand from the SQL in the detail.",
    ),
    FindingKind(
        code="F-308",
        severity=WARNING,
        title="A unique key without case becomes an index on lower()",
        explanation='The index on lower(column COLLATE "C") folds A to Z only, exactly as NOCASE does. '
        "Queries use it "
        "where they are written the same way.",
    ),
    FindingKind(
        code="F-309",
        severity=WARNING,
        title="A column compares without case in SQLite",
        explanation="In PostgreSQL its comparisons and its sort order tell upper from lower case.",
        hint="Compare lower(column) in queries, or make the column citext.",
    ),
    FindingKind(
        code="F-310",
        severity=WARNING,
        title="A collation is not carried",
        explanation="RTRIM and collations that the application defines do not exist in PostgreSQL.",
    ),
    FindingKind(
        code="F-311",
        severity=WARNING,
        title="Texts may be too long for their index",
        explanation="A B-tree entry holds at most 2704 bytes after compression; building the index may fail.",
        hint="Index a hash or a prefix of the column instead.",
    ),
    FindingKind(
        code="F-312",
        severity=ERROR,
        title="A foreign key is not carried: no such table or column",
        explanation="What it references is missing in the source, or was left out of the migration.",
    ),
    FindingKind(
        code="F-313",
        severity=ERROR,
        title="A foreign key is not carried: the referenced columns are not unique",
        explanation="PostgreSQL wants a primary key, or a unique constraint over exactly the referenced "
        "columns.",
        hint="Make the referenced columns unique.",
    ),
    FindingKind(
        code="F-314",
        severity=ERROR,
        title="A foreign key is not carried: the types differ",
        explanation="The stored values do not allow one type for both columns.",
        hint="Correct the values in the source, or choose the types in the plan file.",
    ),
    FindingKind(
        code="F-315",
        severity=INFO,
        title="Foreign keys are declared more than once",
        explanation="Each is carried once.",
    ),
    FindingKind(
        code="F-316",
        severity=INFO,
        title="Foreign keys will act",
        explanation="SQLite enforces foreign keys only where the application switches them on. PostgreSQL "
        "always "
        "does: deletes and updates will cascade or be refused.",
    ),
    FindingKind(
        code="F-317",
        severity=WARNING,
        title="ON CONFLICT is not carried",
        explanation="PostgreSQL's constraints have no conflict clause; a duplicate is an error.",
        hint="Write INSERT … ON CONFLICT in the application.",
    ),
    FindingKind(
        code="F-318",
        severity=WARNING,
        title="The numbering of rows is at its end",
        explanation="The largest possible number is in use; the next insert without a number fails.",
    ),
    FindingKind(
        code="F-319",
        severity=INFO,
        title="Tables have no key",
        explanation="Rows are proven by counting equal rows, so a difference can be located but not named "
        "by key.",
    ),
    FindingKind(
        code="F-320",
        severity=ERROR,
        title="Refused: too many columns",
        explanation="A PostgreSQL table has at most 1600 columns.",
        hint="Leave the table out with --exclude.",
    ),
    FindingKind(
        code="F-321",
        severity=WARNING,
        title="Rows may be too wide",
        explanation="A row of PostgreSQL must fit on a page of 8 kB; only long values are kept elsewhere. "
        "Rows with very many short values do not fit and go to quarantine.",
        hint="Divide the table in the source, or leave it out with --exclude.",
    ),
    FindingKind(
        code="F-401",
        severity=WARNING,
        title="The database sorts text unlike SQLite",
        explanation="SQLite sorts text by its bytes. With the database's collation ORDER BY gives another "
        "order, and "
        "comparisons with < and > may differ.",
        hint='Choose --collation "C" for SQLite\'s order, or create the database with it.',
    ),
    *OWNED_KINDS,
    FindingKind(
        code="F-701",
        severity=INFO,
        title="The application is known",
        explanation="An application pack says how its tables are to be read and what else to think of.",
        hint="Its rules give way to --rows and to the plan file.",
    ),
    FindingKind(
        code="F-702",
        severity=ERROR,
        title="Refused: both sides are not of one version",
        explanation="The application keeps a record of what was done to its schema, and the two differ. The "
        "same table may mean different things on both sides.",
    ),
    FindingKind(
        code="F-703",
        severity=INFO,
        title="The application's own tables are treated by its rules",
        explanation="Tables that say what was done to this database keep the target's rows; where both sides "
        "number the same things differently, the source's rows are carried.",
        hint="Choose otherwise with --rows TABLE=replace, keep, merge or refuse.",
    ),
    FindingKind(
        code="F-704",
        severity=INFO,
        title="Settings to carry along",
        explanation="Sessions, tokens and encrypted values in the tables are of use only with the same "
        "secrets.",
    ),
    FindingKind(
        code="F-705",
        severity=INFO,
        title="Something lies outside the database",
        explanation="A migration of the database does not touch it.",
    ),
    FindingKind(
        code="F-706",
        severity=INFO,
        title="A next step",
        explanation="What to do once the rows are there.",
    ),
    FindingKind(
        code="F-707",
        severity=WARNING,
        title="Something about the application needs a look",
        explanation="A check of its pack found rows that it did not want.",
    ),
    FindingKind(
        code="F-708",
        severity=WARNING,
        title="A check of the application could not be made",
        explanation="One of the sides could not be asked.",
    ),
    FindingKind(
        code="F-901",
        severity=ERROR,
        title="Rows with a duplicate key were set aside",
        explanation="PostgreSQL takes their key for equal to another row's; they are in quarantine.",
        hint='See them with "howdah quarantine list".',
    ),
    FindingKind(
        code="F-902",
        severity=WARNING,
        title="A foreign key is not validated",
        explanation="Rows that break it were in the source. It is enforced for new rows (NOT VALID).",
        hint="Correct the rows, then ALTER TABLE … VALIDATE CONSTRAINT.",
    ),
    FindingKind(
        code="F-903",
        severity=WARNING,
        title="A CHECK is not validated",
        explanation="Rows that break it were in the source. It is enforced for new rows (NOT VALID).",
        hint="Correct the rows, then ALTER TABLE … VALIDATE CONSTRAINT.",
    ),
    FindingKind(
        code="F-904",
        severity=ERROR,
        title="The server did not take an object",
        explanation="PostgreSQL refused to create it and the run went on without it.",
        hint="Correct the SQL in the detail and run it by hand.",
    ),
    FindingKind(
        code="F-905",
        severity=ERROR,
        title="A translation answered otherwise than SQLite and was removed",
        explanation="Every view, CHECK, predicate and expression of an index is executed on both sides over "
        "the rows that were carried. The detail has the first rows that differ and both SQL texts.",
        hint="Write it by hand from the two texts.",
    ),
    FindingKind(
        code="F-906",
        severity=WARNING,
        title="A translation was not compared with SQLite",
        explanation="It took too long on one side, its answer changes with the moment or by chance, or "
        "SQLite cannot compute it for every row. The object is there.",
        hint="Compare the answers by hand before relying on them.",
    ),
    FindingKind(
        code="F-907",
        severity=ERROR,
        title="A trigger acted otherwise than in SQLite and was not made",
        explanation="Before a trigger is made, the same statements are made on both sides and taken back. "
        "The detail has the first whose effects differ and both SQL texts; triggers.sql has a stub.",
        hint="Write it by hand from the two texts.",
    ),
    FindingKind(
        code="F-908",
        severity=WARNING,
        title="What a trigger does was not compared with SQLite",
        explanation="No statement that was made let it act, what it does changes by chance, or one side "
        "could not tell. The trigger is there.",
        hint="Try it by hand before relying on it.",
    ),
    FindingKind(
        code="F-909",
        severity=ERROR,
        title="A trigger was not tried for want of time and not made",
        explanation="The trials of all triggers together may take three minutes, each 20 seconds and 40 "
        "statements. The detail has the complete translation; triggers.sql has a stub.",
        hint="Try the translation by hand, or have all triggers written to triggers.sql complete with "
        "--policy triggers=stub.",
    ),
    FindingKind(
        code="F-601",
        severity=WARNING,
        title="The journal of the way back was interrupted",
        explanation="Triggers that note changes were dropped or disabled, so the journal alone does not tell "
        "what changed. Every row of the table is read and compared instead.",
    ),
    FindingKind(
        code="F-602",
        severity=WARNING,
        title="Something on PostgreSQL has no place in the SQLite file",
        explanation="A table or column was added after the migration. What it holds does not go home.",
        hint="Add the same column or table to the SQLite file with the application's own migration.",
    ),
    FindingKind(
        code="F-603",
        severity=WARNING,
        title="The source was written to after it was migrated",
        explanation="Those writes are not on PostgreSQL, so they are not in the file that was carried back.",
        hint="Compare the two files before the old one is put away.",
    ),
    FindingKind(
        code="F-604",
        severity=WARNING,
        title="References in the SQLite file lead nowhere",
        explanation="PRAGMA foreign_key_check lists rows that it did not list before: PostgreSQL was not "
        "told of that foreign key, or does not enforce it for them.",
    ),
    FindingKind(
        code="F-605",
        severity=WARNING,
        title="A row on PostgreSQL took the place of one in quarantine",
        explanation="The row that could not be migrated is not in the SQLite file any more; "
        '"howdah quarantine list" still has it.',
    ),
    FindingKind(
        code="F-606",
        severity=WARNING,
        title="A virtual table was not brought up to date",
        explanation="Its rows were not carried to PostgreSQL, so what changed since is not in it.",
        hint="Let the application build its index again.",
    ),
    FindingKind(
        code="F-607",
        severity=INFO,
        title="A column on PostgreSQL can hold what SQLite cannot take back",
        explanation="The column's type is wider than what the codec can bring home. Values of that kind, "
        "should the application write any, are counted when rows are carried back, and not "
        "written without consent. A column that PostgreSQL does not have keeps its values in rows with a "
        "key; a table without one is written as a whole. What SQLite computes and PostgreSQL does not "
        "(F-303) is computed again in the file.",
    ),
    FindingKind(
        code="F-608",
        severity=WARNING,
        title="An index is not in the file that came home",
        explanation="It is sorted by a collation that only the application has, and SQLite writes to no "
        "table with such an index without it. The rows of the table are there.",
        hint="Let the application make it again, by the statement in the detail.",
    ),
    FindingKind(
        code="F-611",
        severity=WARNING,
        title="Triggers of the journal in the SQLite file were gone",
        explanation="A migration tool rebuilt a table, which drops its triggers. They were made again, and "
        "every row was compared, because what was written meanwhile is in no journal.",
    ),
    FindingKind(
        code="F-612",
        severity=WARNING,
        title="The journal in the SQLite file had disarmed itself",
        explanation="More was written than the journal may hold before it was read. Every row was compared.",
        hint="Keep following, or allow a larger journal with --journal-limit.",
    ),
    FindingKind(
        code="F-613",
        severity=ERROR,
        title="A command that was to be run at the cutover failed",
        explanation="The cutover itself is done: PostgreSQL has the data and takes writes.",
        hint="Start the application on PostgreSQL by hand.",
    ),
    FindingKind(
        code="F-614",
        severity=WARNING,
        title="The SQLite file was put back to an earlier state while it was followed",
        explanation="A copy from before, say a backup, took the place of its content. Every row was "
        "compared, and PostgreSQL holds what the file holds now.",
    ),
    *OWNED_RUN_KINDS,
)

KINDS: dict[str, FindingKind] = {kind.code: kind for kind in _KINDS}

#: Findings with which a migration must not begin.
REFUSED = frozenset({"F-213", "F-320"})


def make_finding(
    code: str, object_name: str, message: str, *, detail: str = "", hint: str | None = None
) -> Finding:
    """
    Make a finding of a known kind; its severity, and the hint unless given, come from the table.

    The message becomes a sentence that begins with a capital.

    Raises KeyError for an unknown code.
    """
    kind = KINDS[code]
    return Finding(
        code=code,
        severity=kind.severity,
        object=object_name,
        message=message[:1].upper() + message[1:],
        detail=detail,
        hint=kind.hint if hint is None else hint,
    )


#: Findings of which a database may have very many, and more of one message than this become one.
_FOLDED = frozenset({"F-201", "F-216", "F-309", "F-505", "F-512", "F-524"})
_ALIKE_MAX = 5


def fold_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """
    Return the findings, with many that differ in their object alone made one.

    A database may hold a hundred columns of one form; that is one thing to know.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.message), []).append(finding)
    folded: list[Finding] = []
    for members in groups.values():
        if members[0].code not in _FOLDED or len(members) <= _ALIKE_MAX:
            folded += members
            continue
        objects = list(dict.fromkeys(finding.object for finding in members))
        kind = objects[0].partition(" ")[0]
        folded.append(replace(members[0], object=f"{len(objects)} {kind}s", detail=", ".join(objects)))
    return tuple(folded)


def name_table(table: str) -> str:
    """Name a table for people, kind first."""
    return f'table "{table}"'


def name_column(table: str, column: str) -> str:
    """Name a column for people, kind first."""
    return f'column "{table}"."{column}"'
