"""The socket that a server listens on, and where that is for people."""

from __future__ import annotations

import socket


def open_listener(host: str, port: int, *, backlog: int) -> socket.socket:
    """Return a socket that listens at an address or name; port 0 is any that is free. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(host: str, port: int) -> str:
    """Return the address of a server of HTTP; IPv6 stands in brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
