"""
Write libpq connection strings, quoted by libpq's rules. Pure; the strings hold secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote


def format_conninfo(parameters: Mapping[str, str]) -> str:
    """Return a keyword string; parameters without a value are left out."""
    return " ".join(f"{name}={_quote_value(value)}" for name, value in parameters.items() if value != "")


def format_url(parameters: Mapping[str, str]) -> str:
    """Return a URL; everything but user, password, host, port and database goes into its query."""
    rest = {name: value for name, value in parameters.items() if value != ""}
    user, password = rest.pop("user", ""), rest.pop("password", "")
    database = rest.pop("dbname", "")
    authority = ""
    if user or password:
        authority = quote(user, safe="")
        if password:
            authority += ":" + quote(password, safe="")
        authority += "@"
    host = rest.get("host", "")
    if host and not host.startswith(("/", "@")) and "," not in host:
        authority += f"[{host}]" if ":" in host else quote(host, safe=".-_")
        del rest["host"]
        if "port" in rest:
            authority += f":{rest.pop('port')}"
    query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in rest.items())
    return f"postgresql://{authority}/{quote(database, safe='')}" + (f"?{query}" if query else "")


def _quote_value(value: str) -> str:
    if value and all(character.isalnum() or character in "-_./:@+" for character in value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
