"""
TLS as node-postgres means it, translated into libpq's terms and never into weaker ones.

Pure but for one function that writes certificates to files, where libpq wants them.
`ssl: true` of node-postgres checks chain and host name; libpq's `require` checks neither. A URL's
`sslmode` means for node-postgres (until pg-connection-string 3) verify-full whichever of prefer,
require and verify-ca it says, so that is what it becomes.
"""

from __future__ import annotations

import ipaddress
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

#: Modes that a URL may name; no-verify is node-postgres' own.
_ALIASES_OF_VERIFY_FULL = frozenset({"prefer", "require", "verify-ca"})


@dataclass(frozen=True, kw_only=True)
class TlsWishes:
    """What the settings say about TLS; None: nothing."""

    #: DATABASE_SSLMODE.
    mode: str = ""
    #: DATABASE_SSL.
    enabled: bool | None = None
    reject_unauthorized: bool = True
    #: Files or PEM text.
    authority: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """libpq's parameters, and what a person should know about them."""

    parameters: Mapping[str, str]
    #: Parameters whose value is PEM text; libpq wants files.
    pem: Mapping[str, str]
    notes: tuple[str, ...] = ()


def translate_tls(wishes: TlsWishes, *, host: str, url_parameters: Mapping[str, str]) -> Tls:
    """
    Decide libpq's TLS parameters for a server.

    `url_parameters` are those of a DATABASE_URL, as `read_url_tls` finds them.
    """
    notes: list[str] = []
    mode = wishes.mode or _mode_of_url(url_parameters, host, notes) or _mode_of_parts(wishes, host, notes)
    files = {"sslrootcert": wishes.authority, "sslcert": wishes.certificate, "sslkey": wishes.key}
    files = {name: value for name, value in files.items() if value} | {
        name: value for name, value in url_parameters.items() if name in files
    }
    if mode == "verify-full" and "sslrootcert" not in files:
        files["sslrootcert"] = "system"
    pem = {name: value for name, value in files.items() if is_pem(value)}
    plain = {name: value for name, value in files.items() if name not in pem}
    return Tls(parameters=({"sslmode": mode} if mode else {}) | plain, pem=pem, notes=tuple(notes))


def read_url_tls(url: str) -> dict[str, str]:
    """Return the TLS parameters in a URL's query, node-postgres' own among them."""
    known = ("ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "uselibpqcompat")
    return {name: value for name, value in parse_qsl(url.partition("?")[2]) if name in known}


def is_pem(text: str) -> bool:
    """Tell a certificate or key from the name of its file."""
    return text.lstrip().startswith("-----BEGIN")


@contextmanager
def certificate_files(pem: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Write PEM text to files that only this user reads, for as long as connections are opened."""
    if not pem:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="howdah-tls-") as directory:
        paths = {}
        for name, text in pem.items():
            path = Path(directory) / f"{name}.pem"
            path.touch(mode=0o600)
            # A variable of one line has its line breaks written out.
            path.write_text(text.replace("\\n", "\n").strip() + "\n", encoding="ascii")
            paths[name] = str(path)
        yield paths


def _mode_of_url(parameters: Mapping[str, str], host: str, notes: list[str]) -> str:
    mode = parameters.get("sslmode", "")
    if not mode and "ssl" in parameters:
        mode = {"true": "require", "1": "require", "no-verify": "no-verify"}.get(
            parameters["ssl"].lower(), "disable"
        )
    if parameters.get("uselibpqcompat", "").lower() == "true":
        return "require" if mode == "no-verify" else mode
    if mode == "no-verify":
        notes.append(_UNCHECKED.format("DATABASE_URL"))
        return "require"
    if mode in _ALIASES_OF_VERIFY_FULL:
        notes.append(
            f"sslmode={mode} in DATABASE_URL is taken as verify-full, as Strapi's driver does"
            " (DATABASE_SSLMODE or uselibpqcompat=true in the URL take it literally)."
        )
        return "verify-full"
    return _plain(host, notes, "DATABASE_URL") if mode == "disable" else mode


def _mode_of_parts(wishes: TlsWishes, host: str, notes: list[str]) -> str:
    if wishes.enabled is None:
        return ""
    if not wishes.enabled:
        return _plain(host, notes, "DATABASE_SSL")
    if wishes.reject_unauthorized:
        return "verify-full"
    notes.append(_UNCHECKED.format("DATABASE_SSL_REJECT_UNAUTHORIZED"))
    return "require"


_UNCHECKED = "{} asks for TLS that does not check who answers: somebody in between can read along."


def _plain(host: str, notes: list[str], variable: str) -> str:
    """Return the mode for "no TLS": so where nobody can listen, TLS if there is any elsewhere."""
    if all(_is_near(one.strip()) for one in host.split(",")):
        return "disable"
    notes.append(
        f"{variable} turns TLS off for a server that is not on this machine or a Compose network:"
        " it is used where the server offers it (DATABASE_SSLMODE=disable turns it off)."
    )
    return "prefer"


def _is_near(host: str) -> bool:
    if not host or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # Names of one word are those of containers on one network.
        return "." not in host
