"""
Names: quoting for both databases, PostgreSQL's 63 bytes, collisions.

Pure. Every other room builds SQL from names through these functions and no other
way. A name that PostgreSQL cannot hold (empty, with a NUL, not Unicode) is refused
by the quoting functions; `Namespace` and `assign_names` find a name that it can hold.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

from howdah.errors import RefusedError

#: Bytes of an identifier that PostgreSQL keeps (NAMEDATALEN - 1).
NAME_BYTES_MAX = 63

#: Columns that every PostgreSQL table has already (ddl-system-columns; "oid" is free since 12).
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})

#: Stands for a name without a character, which SQLite allows and PostgreSQL does not.
UNNAMED = "unnamed"

_HASH_CHARACTERS = 8


def quote(name: str) -> str:
    """Quote one identifier for PostgreSQL, always with quotes, so that its case is kept."""
    if not name:
        raise _refusal(name, "PostgreSQL", "it is empty")
    if "\0" in name:
        raise _refusal(name, "PostgreSQL", "it holds a NUL character")
    return '"' + name.replace('"', '""') + '"'


def quote_sqlite(name: str) -> str:
    """Quote one identifier for SQLite, which allows an empty one."""
    if "\0" in name:
        raise _refusal(name, "SQLite", "it holds a NUL character")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Quote a PostgreSQL object's name together with its schema."""
    return f"{quote(schema)}.{quote(name)}"


def quote_literal(text: str) -> str:
    """
    Quote a string for PostgreSQL, right whatever `standard_conforming_strings` says.

    Raises RefusedError (P-002) where the string holds a NUL.
    """
    if "\0" in text:
        raise RefusedError("P-002", "a string with a NUL character cannot be written in PostgreSQL")
    body = text.replace("'", "''")
    if "\\" in body:
        return "E'" + body.replace("\\", "\\\\") + "'"
    return f"'{body}'"


def fits(name: str) -> bool:
    """Return whether PostgreSQL keeps the name exactly as it is."""
    if not name or "\0" in name:
        return False
    try:
        return len(name.encode()) <= NAME_BYTES_MAX
    except UnicodeEncodeError:
        return False


def shorten(name: str, salt: int = 0) -> str:
    """
    Cut a name to 63 bytes at a character border, ending in a hash of the whole name.

    A name that fits is returned unchanged unless `salt` asks for another one, so
    that the result depends on the name alone and two long names with one beginning
    stay apart.
    """
    clean = (name or UNNAMED).replace("\0", "").encode(errors="replace").decode() or UNNAMED
    if salt == 0 and fits(name):
        return name
    if salt == 0 and not name:
        return UNNAMED
    digest = hashlib.sha256(f"{salt}:{name}".encode(errors="surrogatepass")).hexdigest()
    suffix = "_" + digest[:_HASH_CHARACTERS]
    kept = clean.encode()[: NAME_BYTES_MAX - len(suffix)].decode(errors="ignore")
    return kept + suffix


def snake_case(name: str) -> str:
    """
    Fold a name so that nobody has to quote it, reserved words apart: "Order Details" → order_details.

    Words are cut where a small letter or a digit meets a capital and where an acronym ends
    (HTTPServer → http_server); whatever is no letter, digit or underscore parts words too. A digit at the
    beginning gets an underscore before it. Underscores stay, so that _id and id stay apart, and a name of
    which nothing would be left stays as it is. Folding twice changes nothing more.
    """
    parts: list[str] = []
    for position, letter in enumerate(name):
        # Marks belong to the letter before them: é may be written as two characters.
        if letter != "_" and unicodedata.category(letter)[0] not in "LMN":
            parts.append(" ")
            continue
        before, after = name[position - 1 : position], name[position + 1 : position + 2]
        if letter.isupper() and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        ):
            parts.append(" ")
        parts.append(letter.lower())
    folded = "_".join(word for word in "".join(parts).split(" ") if word)
    if not folded:
        return name
    return "_" + folded if folded[0].isdigit() else folded


class Namespace:
    """
    The names of one PostgreSQL namespace, handed out once each.

    Tables, views, indexes and sequences of a schema share one; the columns of a
    table have their own, and so do its constraints.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)

    def take(self, wanted: str) -> str:
        """Return `wanted`, or the nearest name that fits and is free; the same for the same calls."""
        salt = 0
        while (candidate := shorten(wanted, salt)) in self._taken:
            salt += 1
        self._taken.add(candidate)
        return candidate

    def is_free(self, name: str) -> bool:
        """Return whether nobody has taken exactly that name."""
        return name not in self._taken


def assign_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """
    Give each source name a target name: its own where it fits and is free.

    Names that fit are served before those that must be changed, so that a long
    name's replacement never displaces a short one; the order of `names` does not
    otherwise matter. `reserved` names are given to nobody.
    """
    wanted = list(dict.fromkeys(names))
    space = Namespace(reserved)
    kept = [name for name in wanted if fits(name) and space.is_free(name)]
    assigned = {name: space.take(name) for name in kept}
    for name in sorted(set(wanted) - set(kept)):
        assigned[name] = space.take(name)
    return {name: assigned[name] for name in wanted}


def assign_column_names(names: Iterable[str]) -> dict[str, str]:
    """Give each column of one table its target name; PostgreSQL's system columns keep theirs."""
    return assign_names(names, reserved=SYSTEM_COLUMNS)


def _refusal(name: str, database: str, reason: str) -> RefusedError:
    return RefusedError("P-001", f"{database} cannot hold the name {name!r}: {reason}")
