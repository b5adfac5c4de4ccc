"""
What `--policy NAME=VALUE` chooses for every column at once; a plan file chooses for one.

Pure. A policy is a parameter that codecs have: asked for by flag it goes to every column whose codec has it,
and a column of the plan file keeps what the file says. `python -m howdah.planning.policies` prints
docs/reference/policies.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from howdah.codecs.pgtypes import parse_type
from howdah.codecs.registry import CODECS
from howdah.errors import UsageError
from howdah.model.census import Census, ColumnCensus
from howdah.model.finding_kinds import make_finding, name_column
from howdah.model.plan import ORPHAN_CHOICES, PlanOptions
from howdah.model.source import Column, Table
from howdah.planning.column_facts import ColumnFacts, TypeDecision
from howdah.planning.declared import NUMERIC_PRECISION_MAX, Family, read_declared_type
from howdah.planning.design import census_of, column_census
from howdah.planning.owned_columns import describe_owned_misfit
from howdah.planning.type_groups import ColumnKey
from howdah.planning.types import decide_type

_WORDS = frozenset({"boolean-word"})
_OTHER_BOOLEANS = "Correct the rows, or leave the column as stored: its codec in the plan file."
#: Findings about texts that are no matter in a column of bytes.
_OF_TEXTS = frozenset({"F-205", "F-206", "F-207", "F-211", "F-212"})
#: Codec of one form → that of any spelling in the same type, which takes empty texts for NULL.
_TAKING_EMPTY = {
    "integer": "any-integer",
    "boolean": "any-boolean",
    "real": "any-real",
    "numeric": "any-numeric",
}
#: Findings of a column that is carried as stored.
_OF_STORED_FORM = frozenset({"F-205", "F-206", "F-207", "F-208"})


@dataclass(frozen=True, kw_only=True)
class Policy:
    #: What it decides, for people.
    about: str
    #: The default first.
    choices: tuple[str, ...]
    #: Codecs with a parameter of that name, () where the policy is of the plan itself.
    codecs: tuple[str, ...] = ()


def _of_codecs(name: str, about: str, *others: str) -> Policy:
    codecs = tuple(codec.name for codec in CODECS.values() if name in codec.choices)
    return Policy(about=about, choices=(*CODECS[codecs[0]].choices[name], *others), codecs=codecs)


#: A choice about texts that is no parameter of their codec: the column gets another type.
BYTEA = "bytea"
_AS_BYTEA = "`bytea` makes the whole column one of bytes, where the tables are ours to create"


#: By the name that the flag and the plan file have for it.
POLICIES: Mapping[str, Policy] = {
    "nul": _of_codecs(
        "nul", "texts with a NUL character, which PostgreSQL's text cannot hold; " + _AS_BYTEA, BYTEA
    ),
    "invalid_utf8": _of_codecs("invalid_utf8", "texts that are not UTF-8; " + _AS_BYTEA, BYTEA),
    "empty": _of_codecs(
        "empty",
        "empty texts in a column of numbers, booleans or dates: a type that holds them, or a row set aside "
        "where the type is given; or NULL",
    ),
    "blob": _of_codecs("blob", "blobs in a column of texts: set aside, or text where they are UTF-8"),
    "text": _of_codecs("text", "texts in a column of blobs: set aside, or their UTF-8 bytes"),
    "rounding": _of_codecs(
        "rounding",
        "numbers with more digits than their DECIMAL(p,s) says: numeric without limits, or numeric(p,s), "
        "rounded half away from zero",
    ),
    "order": _of_codecs("order", "the order of the bytes of UUIDs in blobs"),
    "bare": _of_codecs("bare", "texts that are no JSON in an application's column of JSON"),
    "escapes": _of_codecs(
        "escapes", r"`\u0000` and half a surrogate pair in JSON, where an application's column is jsonb"
    ),
    "time": _of_codecs("time", "moments with a time of day, where an application's column is a date"),
    "booleans": Policy(
        about="words and other values than 0 and 1 in a column declared BOOLEAN: as stored, or true and "
        "false by the codec [any-boolean](codecs.md#any-boolean), which sets the row of anything else aside",
        choices=("stored", "words"),
    ),
    "dates": Policy(
        about="columns declared DATE, DATETIME or TIME whose values are all of one clear form: converted, or "
        "as stored",
        choices=("convert", "stored"),
    ),
    "orphans": Policy(
        about="rows whose foreign key points nowhere in the source: kept, their key NOT VALID (F-902); set "
        "aside with all rows that refer to them; the columns of the key NULL; or left out with all rows that "
        "refer to them (F-113). `orphans` of a table in the plan file. `keep` only where the tables are ours "
        "to create: an application's own keys are never left NOT VALID, its orphans are set aside",
        choices=ORPHAN_CHOICES,
    ),
    "triggers": Policy(
        about="triggers whose translation is certain: made after the rows, or left in `triggers.sql`; "
        "`policy` of a trigger in the plan file",
        choices=("create", "stub"),
    ),
}


def read_policies(written: Iterable[str]) -> dict[str, str]:
    """Return name → choice of items "name=choice", the last of a name. Raises UsageError P-113."""
    chosen: dict[str, str] = {}
    for item in written:
        name, _, choice = item.partition("=")
        policy = POLICIES.get(name)
        if policy is None:
            raise UsageError(
                "P-113", f'there is no policy "{name}"', hint=f"Policies: {', '.join(POLICIES)}."
            )
        if choice not in policy.choices:
            raise UsageError(
                "P-113",
                f'policy "{name}" cannot be "{choice}"',
                hint=f"Possible: {', '.join(policy.choices)}.",
            )
        chosen[name] = choice
    return chosen


def options_under(options: PlanOptions, chosen: Mapping[str, str]) -> PlanOptions:
    """Return the options of a plan under the policies that are no codec's."""
    return replace(options, convert_dates=options.convert_dates and chosen.get("dates") != "stored")


def params_under(codec: str, params: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a column under the policies that its codec knows, rounding apart."""
    return dict(params) | {
        name: choice
        for name, choice in chosen.items()
        if name != "rounding" and choice in CODECS[codec].choices.get(name, ())
    }


def apply_policies(
    decisions: Mapping[ColumnKey, TypeDecision],
    tables: Iterable[Table],
    census: Census,
    options: PlanOptions,
    chosen: Mapping[str, str],
) -> dict[ColumnKey, TypeDecision]:
    """Return the decisions under the policies."""
    changed = dict(decisions)
    if not chosen:
        return changed
    for table in tables:
        for column in table.columns:
            key = (table.name, column.name)
            decision = changed[key]
            stored = column_census(census_of(census, table), column.name)
            if decision.codec == "text" and stored.blobs and chosen.get("blob") == "utf8":
                decision = replace(
                    decision,
                    codec="any-text",
                    params={**decision.params, "affinity": column.affinity.value},
                    findings=tuple(finding for finding in decision.findings if finding.code != "F-206"),
                )
            if chosen.get("empty") == "null":
                decision = _without_empty(decision, table, column, stored, options)
            if _is_unreadable(stored, chosen) and decision.codec in ("text", "any-text"):
                decision = _as_bytes(decision, stored)
            if chosen.get("booleans") == "words":
                decision = _by_words(decision, table, column, stored, empty=chosen.get("empty", ""))
            if decision.codec == "numeric" and chosen.get("rounding") == "half-away":
                decision = _rounded(decision, column.declared_type)
            params = params_under(decision.codec, decision.params, chosen)
            if params != dict(decision.params) or decision is not changed[key]:
                changed[key] = replace(decision, params=params, reason=f"{decision.reason}; by --policy")
    return changed


def _is_unreadable(stored: ColumnCensus, chosen: Mapping[str, str]) -> bool:
    """Whether the column holds texts that PostgreSQL's text cannot, and the policy for them is bytea."""
    return bool(
        (chosen.get("nul") == BYTEA and stored.texts_with_nul)
        or (chosen.get("invalid_utf8") == BYTEA and stored.texts_invalid_utf8)
    )


def _as_bytes(decision: TypeDecision, stored: ColumnCensus) -> TypeDecision:
    """Return the decision for a column of bytes, where there are only texts and blobs in it."""
    if stored.integers or stored.reals:
        return decision
    kept = tuple(finding for finding in decision.findings if finding.code not in _OF_TEXTS)
    return replace(decision, type="bytea", codec="bytes", params={"text": "utf8"}, findings=kept)


def _without_empty(
    decision: TypeDecision, table: Table, column: Column, stored: ColumnCensus, options: PlanOptions
) -> TypeDecision:
    """Return the decision for what is stored beside empty texts, where that is of another type than text."""
    if not stored.texts_empty or stored.texts != stored.texts_empty or column.not_null:
        return decision
    rest = replace(stored, nulls=stored.nulls + stored.texts, texts=0, texts_empty=0, text_shapes=frozenset())
    found = decide_type(ColumnFacts(table=table.name, column=column, census=rest), options)
    codec = _TAKING_EMPTY.get(found.codec)
    if codec is None:
        return decision
    limits = parse_type(found.type).modifiers
    return replace(found, codec=codec, params={"scale": str(limits[1])} if limits else {})


def _by_words(
    decision: TypeDecision, table: Table, column: Column, stored: ColumnCensus, *, empty: str
) -> TypeDecision:
    """Return the decision for a column that is declared BOOLEAN and holds more than 0 and 1."""
    is_boolean = read_declared_type(column.declared_type).family is Family.BOOLEAN
    if not is_boolean or decision.codec == "boolean" or not stored.values:
        return decision
    if empty == "null" and stored.texts_empty:
        # What the other texts are is not counted apart: those that are no word go to quarantine.
        stored = replace(stored, texts=stored.texts - stored.texts_empty, text_shapes=_WORDS)
    misfit = describe_owned_misfit("any-boolean", {}, "boolean", stored)
    others = [
        f"{count} {kind}" for count, kind in ((stored.reals, "reals"), (stored.blobs, "blobs")) if count
    ]
    told = "; ".join(part for part in (misfit, " and ".join(others)) if part)
    name = name_column(table.name, column.name)
    kept = tuple(finding for finding in decision.findings if finding.code not in _OF_STORED_FORM)
    return replace(
        decision,
        type="boolean",
        codec="any-boolean",
        params={},
        findings=(*kept, make_finding("F-206", name, f"As boolean: {told}", hint=_OTHER_BOOLEANS))
        if told
        else kept,
    )


def _rounded(decision: TypeDecision, declared_type: str) -> TypeDecision:
    """Return the decision for the declared precision and scale, where there are such."""
    arguments = read_declared_type(declared_type).arguments
    if decision.type != "numeric" or not 1 <= len(arguments) <= 2:
        return decision
    precision, scale = arguments[0], arguments[1] if len(arguments) == 2 else 0
    if not (1 <= precision <= NUMERIC_PRECISION_MAX and 0 <= scale <= precision):
        return decision
    return replace(
        decision,
        type=f"numeric({precision},{scale})",
        params={**decision.params, "rounding": "half-away", "scale": str(scale)},
        findings=tuple(finding for finding in decision.findings if finding.code != "F-203"),
    )


def render_reference() -> str:
    """Return docs/reference/policies.md."""
    lines = [
        "# Policies",
        "",
        "<!-- Written by `python -m howdah.planning.policies`; do not edit. -->",
        "",
        "What becomes of values that PostgreSQL cannot hold as they are, or not in the column's type, and of",
        "what may be carried in more than one way. The default never changes a value: its row goes to",
        "quarantine, or the column gets a type that holds it. Another choice is made for all columns with",
        "`--policy NAME=CHOICE` (repeatable) of `plan`, `migrate` and `follow`, or for one in the plan file,",
        "as its type, its codec or a parameter of that; what a rule changes is counted under its name and",
        "named in the report.",
        "",
        "| policy | about | choices | codecs |",
        "|---|---|---|---|",
    ]
    for name, policy in POLICIES.items():
        choices = ", ".join([f"`{policy.choices[0]}` (default)", *(f"`{c}`" for c in policy.choices[1:])])
        codecs = ", ".join(f"[{codec}](codecs.md#{codec})" for codec in policy.codecs) or "–"
        lines.append(f"| `{name}` | {policy.about} | {choices} | {codecs} |")
    lines += [
        "",
        "What else may be chosen (JSON, names, rejected rows) has an option of its own: "
        "[fidelity](fidelity.md).",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render_reference(), end="")
