"""
SQLite's date and time functions, with their modifiers, over what planning knows of the columns.

Pure. A time value becomes a timestamp in UTC, each modifier one step of arithmetic on it (src/date.c of
SQLite: months that overflow run into the next month, where PostgreSQL would take the last day). What
depends on the zone of the machine ('localtime', 'utc') is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from howdah.names import quote_literal
from howdah.planning.expressions import Expressions, Node, only
from howdah.planning.moments import is_iso_date
from howdah.planning.sql_values import (
    Kind,
    Moment,
    Untranslatable,
    Value,
    as_number,
    composed,
    text_value,
    utc_of,
)
from howdah.planning.strftime import (
    form_of_pattern,
    julian_day,
    milliseconds,
    seconds,
    write_moment,
)

_UTC_NOW = "(now() AT TIME ZONE 'utc')"
_EPOCH = "TIMESTAMP '1970-01-01 00:00:00'"

#: What the functions write, as strftime() would.
_WRITTEN = {"datetime": "%Y-%m-%d %H:%M:%S", "date": "%Y-%m-%d", "time": "%H:%M:%S"}

_AMOUNT = re.compile(r"^([+-]?\d+(?:\.\d*)?)\s+(second|minute|hour|day|month|year)s?$")
_CLOCK = re.compile(r"^([+-]?)(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?$")
_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LITERAL = re.compile(r"^(\d{4}-\d\d-\d\d)(?:[ T]+(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)Z?)?$")

#: Directives of strftime() that write digits alone.
_DIGITS = frozenset("YmdHIMSjsuwWUVGgekl")

#: Arithmetic on months repeats the SQL before it; nobody could read a longer one.
_LENGTH_MAX = 12_000

#: First and last second, and Julian day, of the years 1 to 9999.
_SECONDS_RANGE = (-62135596800, 253402300799)
_DAYS_RANGE = (1721425.5, 5373484.499999)


@dataclass(frozen=True, kw_only=True)
class _Instant:
    """A time value after its modifiers."""

    #: A timestamp without zone, in UTC.
    sql: str
    #: 'subsec' was among the modifiers.
    fine: bool = False
    #: It is the present moment, unchanged.
    now: bool = False


def moment_call(kind: str) -> Callable[[Expressions, Node], Value]:
    """Return the handler of datetime(), date() or time()."""

    def handler(translator: Expressions, node: Node) -> Value:
        arguments = _arguments(node)
        if len(arguments) == 1:
            kept = _kept(translator, kind, arguments[0])
            if kept is not None:
                return kept
        instant = _read(translator, arguments, f"{kind}()")
        pattern = _WRITTEN[kind]
        if instant.fine and kind != "date":
            pattern = pattern.replace("%S", "%f")
        return _written(instant, pattern)

    return handler


def current(kind: str) -> Callable[[Expressions, Node], Value]:
    """Return the handler of CURRENT_TIMESTAMP, CURRENT_DATE or CURRENT_TIME."""

    def handler(translator: Expressions, node: Node) -> Value:
        only(node)
        return _written(_read(translator, [], f"CURRENT_{kind.upper()}"), _WRITTEN[kind])

    return handler


def strftime(translator: Expressions, node: Node) -> Value:
    """Translate strftime() of a format that is known."""
    if isinstance(node, exp.TimeToStr):
        only(node, "this", "format")
        pattern, arguments = node.args["format"], [node.this.this]
        if not isinstance(node.this, exp.TsOrDsToTimestamp):
            arguments = [node.this]
    elif node.expressions:
        pattern, *arguments = node.expressions
    else:
        raise Untranslatable("strftime() without a format")
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise Untranslatable("strftime() with a format that is not known")
    instant = _read(translator, arguments, "strftime()")
    if instant.now and pattern.this == "%s":
        return Value(sql=f"{epoch_seconds().sql}::text", kind=Kind.TEXT, now="seconds", digits=True)
    return _written(instant, pattern.this)


def unix_epoch(translator: Expressions, node: Node) -> Value:
    """Translate unixepoch()."""
    instant = _read(translator, node.expressions, "unixepoch()")
    if instant.now and not instant.fine:
        return epoch_seconds()
    if instant.fine:
        return composed(f"({milliseconds(instant.sql)} / 1000.0)::double precision", Kind.REAL)
    return Value(sql=seconds(instant.sql), kind=Kind.INTEGER, wide=True)


def julian_day_call(translator: Expressions, node: Node) -> Value:
    """Translate julianday()."""
    instant = _read(translator, node.expressions, "julianday()")
    if instant.now:
        return composed(
            "(extract(epoch from now()) / 86400.0)::double precision + 2440587.5::double precision", Kind.REAL
        )
    return Value(sql=julian_day(instant.sql), kind=Kind.REAL)


def epoch_seconds() -> Value:
    """Return the present moment in seconds since 1970."""
    return Value(sql="floor(extract(epoch from now()))::bigint", kind=Kind.INTEGER, wide=True, low=0)


def _arguments(node: Node) -> list[Node]:
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    only(node, "this")
    return [node.this] if node.this is not None else []


def _kept(translator: Expressions, kind: str, argument: Node) -> Value | None:
    """Return a constant or a column that is already what the function makes of it, else None."""
    if isinstance(argument, exp.Literal) and argument.is_string and is_iso_date(argument.this):
        constants = {"datetime": f"{argument.this} 00:00:00", "date": argument.this, "time": "00:00:00"}
        return text_value(constants[kind])
    if _is_now(argument):
        return None
    value = translator.translate(argument)
    column = value.column
    if column is None:
        return None
    if (kind, column.codec) == ("date", "iso-date"):
        return value
    if (kind, column.codec, column.format) == ("datetime", "iso-datetime", " 0"):
        return value
    return None


def _written(instant: _Instant, pattern: str) -> Value:
    form = form_of_pattern(pattern)
    cut = {"date": "day", "0": "second", "3": "milliseconds"}.get(form if form == "date" else form[1:2])
    told = Moment(sql=f"date_trunc('{cut}', {instant.sql})", form=form) if cut else None
    now = ""
    if instant.now:
        now = {"%H:%M:%S": "time"}.get(pattern, "date" if form == "date" else "datetime" if form else "")
    sql = write_moment(instant.sql, pattern)
    digits = len(pattern) == 2 and pattern[1] in _DIGITS
    return Value(sql=sql, kind=Kind.TEXT, atomic=" || " not in sql, now=now, moment=told, digits=digits)


def _is_now(node: Node) -> bool:
    if isinstance(node, exp.CurrentTimestamp):
        return True
    return isinstance(node, exp.Literal) and node.is_string and node.this.lower() == "now"


def _read(translator: Expressions, arguments: Sequence[Node], what: str) -> _Instant:
    """Return the moment that a time value and its modifiers tell. Raises Untranslatable."""
    if not arguments or _is_now(arguments[0]):
        if translator.rules.immutable:
            raise Untranslatable(f"{what} of now, whose answer changes")
        instant, modifiers = _Instant(sql=_UTC_NOW, now=True), list(arguments[1:])
    else:
        modifiers = list(arguments[1:])
        first = _text(modifiers[0]) if modifiers else None
        number = first if first in ("unixepoch", "julianday") else None
        if number is not None:
            modifiers = modifiers[1:]
        instant = _Instant(sql=_time_value(translator, arguments[0], number, what))
    for modifier in modifiers:
        instant = _modified(translator, instant, modifier)
        if len(instant.sql) > _LENGTH_MAX:
            raise Untranslatable(f"{what} with so many modifiers")
    return instant


def _text(node: Node) -> str | None:
    """Return a constant modifier in lower case, None for anything else."""
    return node.this.lower().strip() if isinstance(node, exp.Literal) and node.is_string else None


def _time_value(translator: Expressions, node: Node, number: str | None, what: str) -> str:
    if number is None and isinstance(node, exp.Literal) and node.is_string:
        return _constant(node.this)
    value = translator.translate(node)
    known = value.column or value.form
    if known is not None and known.codec in ("epoch-s", "epoch-real") and number == "unixepoch":
        return _to_milliseconds(f"({value.operand} AT TIME ZONE 'utc')", known.codec == "epoch-real")
    if number is not None:
        return _counted(value, number)
    if value.kind is Kind.MOMENT and known is not None:
        match known.codec:
            case "iso-date":
                return f"{value.operand}::timestamp"
            case "iso-time":
                return f"(DATE '2000-01-01' + {value.operand})"
            case "iso-datetime":
                moment = utc_of(value, known)
                return _cut_fraction(moment) if set("456") & set(known.format) else moment
    if value.moment is not None and value.moment.form != "time":
        return value.moment.sql
    if value.kind is Kind.TEXT and value.column is not None:
        return read_text(value.operand)
    if value.kind is Kind.REAL:
        return _counted(value, "julianday")
    raise Untranslatable(f"{what} of {value.kind}")


def ends_with_year_9999(sql: str) -> bool:
    """Return whether translated SQL is NULL for moments of SQLite before the year 1 or behind 9999."""
    return f" BETWEEN {_DAYS_RANGE[0]} AND " in sql or f" BETWEEN {_SECONDS_RANGE[0]} AND " in sql


def _to_milliseconds(moment: str, rounded: bool) -> str:
    """SQLite counts milliseconds: finer moments are rounded to them."""
    return f"date_trunc('milliseconds', {moment} + INTERVAL '500 microseconds')" if rounded else moment


def _cut_fraction(moment: str) -> str:
    """Round a stored moment to milliseconds as SQLite reads it: never up to the next second."""
    second = f"date_trunc('second', {moment})"
    fraction = f"least({moment} - {second} + INTERVAL '500 microseconds', INTERVAL '999 milliseconds')"
    return f"date_trunc('milliseconds', {second} + {fraction})"


def _constant(text: str) -> str:
    found = _LITERAL.match(text)
    if found is None or not is_iso_date(found[1]):
        raise Untranslatable(f"the time value {text!r}")
    moment = f"{found[1]} {found[2] or '00:00:00'}"
    return f"TIMESTAMP {quote_literal(moment)}"


def _counted(value: Value, number: str) -> str:
    """Return the moment that a number counts since 1970, or in Julian days."""
    counted = as_number(value)
    low, high = _SECONDS_RANGE
    sql = counted.operand
    since_1970 = f"{_EPOCH} + {sql} * INTERVAL '1 second'"
    if counted.kind is not Kind.INTEGER:
        since_1970 = _to_milliseconds(f"({since_1970})", True)
    from_day = f"({_EPOCH} + ({sql}::double precision - 2440587.5) * 86400.0 * INTERVAL '1 second')"
    since_day = _to_milliseconds(from_day, True)
    first, last = _DAYS_RANGE
    if number == "unixepoch":
        return f"CASE WHEN {sql} BETWEEN {low} AND {high} THEN {since_1970} END"
    return f"CASE WHEN {sql} BETWEEN {first} AND {last} THEN {since_day} END"


_DATE = r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_ZONE = r"\s*(?:[zZ]|[+-](?:0\d|1[0-4]):[0-5]\d)?\s*"
_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"


def read_text(sql: str) -> str:
    """
    Return the moment that a text column tells, NULL where SQLite finds none in it.

    Days run on into the next month up to 31, hours go up to 24, a zone is taken off. A text that is a
    number counts Julian days, a time alone is one of 2000-01-01.
    """
    # A fraction is never rounded up to the next second.
    fraction = "'[.]999[0-9]*', '.999'"
    zone = f"coalesce(substring({sql} from '([+-]\\d\\d:\\d\\d)\\s*$')::interval, INTERVAL '0')"

    def clock(text: str) -> str:
        told = f"regexp_replace(substring({text} from '{_TIME}'), {fraction})"
        return f"(coalesce({told}::interval, INTERVAL '0') - {zone})"

    day = f"(left({sql}, 7) || '-01')::date + (substr({sql}, 9, 2)::int - 1)"
    days = f"{sql}::double precision"
    behind_date = clock(f"substr({sql}, 11)")
    moment = (
        f"CASE WHEN {sql} ~ '^{_DATE}(?:[ \\tT]+{_TIME}{_ZONE}|\\s*)$' THEN {day} + {behind_date}"
        f" WHEN {sql} ~ '^{_TIME}{_ZONE}$' THEN DATE '2000-01-01' + {clock(sql)}"
        f" WHEN {sql} ~ '^{_NUMBER}$' THEN CASE WHEN {days} BETWEEN {_DAYS_RANGE[0]} AND {_DAYS_RANGE[1]}"
        f" THEN {_EPOCH} + ({days} - 2440587.5) * 86400.0 * INTERVAL '1 second' END END"
    )
    return _to_milliseconds(f"({moment})", True)


def _modified(translator: Expressions, instant: _Instant, modifier: Node) -> _Instant:
    written = _text(modifier)
    if written is None:
        return _moved_by_expression(translator, instant, modifier)
    moment = instant.sql
    if written in ("subsec", "subsecond"):
        return replace(instant, fine=True)
    if written in ("localtime", "utc"):
        raise Untranslatable(f"'{written}', which goes by the zone of the machine")
    if written.startswith("start of "):
        unit = written.removeprefix("start of ").strip()
        if unit not in ("day", "month", "year"):
            raise Untranslatable(f"the modifier '{written}'")
        return replace(instant, sql=f"date_trunc('{unit}', {moment})", now=False)
    if re.fullmatch(r"weekday [0-6](?:\.0*)?", written):
        days = f"({written[8]} + 7 - extract(dow from {moment})::int) % 7"
        return replace(instant, sql=f"({moment} + ({days}) * INTERVAL '1 day')", now=False)
    amount = _AMOUNT.match(written)
    if amount is not None:
        return replace(instant, sql=_moved(moment, amount[1], amount[2]), now=False)
    clock = _CLOCK.match(written)
    if clock is not None and int(clock[2]) < 25 and int(clock[3]) < 60:
        sign = "-" if clock[1] == "-" else "+"
        interval = quote_literal(f"{clock[2]}:{clock[3]}:{clock[4] or '00'}")
        return replace(instant, sql=f"({moment} {sign} INTERVAL {interval})", now=False)
    if written == "auto":
        raise Untranslatable("'auto', which takes small numbers for Julian days")
    raise Untranslatable(f"the modifier '{written}'")


def _moved(moment: str, amount: str, unit: str) -> str:
    if unit in _UNIT_SECONDS:
        if "." in amount and amount.rstrip("0")[-1:] != ".":
            # Rounded to milliseconds as everything is.
            count = round(float(amount) * _UNIT_SECONDS[unit] * 1000)
            return f"({moment} + INTERVAL '{count} milliseconds')"
        return f"({moment} + INTERVAL '{int(float(amount))} {unit}s')"
    if "." in amount:
        raise Untranslatable(f"a fraction of a {unit}")
    return _moved_by_months(moment, f"INTERVAL '{int(amount)} {unit}s'")


def _moved_by_months(moment: str, interval: str) -> str:
    """Add to the month, then the days again: the 31st of a short month is one of the next."""
    month = f"date_trunc('month', {moment})"
    return f"({month} + {interval} + ({moment} - {month}))"


def _moved_by_expression(translator: Expressions, instant: _Instant, modifier: Node) -> _Instant:
    """Move by `n || ' days'`, `'-' || n || ' days'` and the like, n an integer."""
    parts: list[Node] = []
    while isinstance(modifier, (exp.DPipe, exp.Paren)):
        if isinstance(modifier, exp.Paren):
            modifier = modifier.this
            continue
        parts.insert(0, modifier.expression)
        modifier = modifier.this
    parts.insert(0, modifier)
    sign = ""
    if len(parts) == 3 and _text(parts[0]) in ("+", "-"):
        sign = str(_text(parts.pop(0)))
    unit = (
        re.fullmatch(r"(second|minute|hour|day|month|year)s?", _text(parts[1]) or "")
        if len(parts) == 2
        else None
    )
    if unit is None or (_text(parts[0]) is not None) or not parts[1].this.startswith(" "):
        raise Untranslatable("a modifier that is not known")
    count = translator.translate(parts[0])
    if count.kind is not Kind.INTEGER:
        raise Untranslatable(f"a modifier made of {count.kind}")
    interval = f"({'- ' if sign == '-' else ''}{count.operand}) * INTERVAL '1 {unit[1]}'"
    moved = (
        f"({instant.sql} + {interval})"
        if unit[1] in _UNIT_SECONDS
        else _moved_by_months(instant.sql, interval)
    )
    if sign:
        # '+-5 days' is no modifier: the answer is NULL.
        moved = f"CASE WHEN {count.operand} >= 0 THEN {moved} END"
    return replace(instant, sql=moved, now=False)
