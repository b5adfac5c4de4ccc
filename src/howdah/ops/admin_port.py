"""Ask a running service's admin port; used by the verbs that look at it from the shell."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from howdah.errors import UsageError

#: Seconds for a person who waits.
_ANSWER_SECONDS = 5.0


def fetch_document(url: str, path: str, token: str) -> dict[str, object]:
    """
    Return the JSON object that the service behind `url` gives at `path`, whatever its status.

    Raises UsageError U-324 where it wants a token and U-325 for what is no such URL, OSError where it does
    not answer, ValueError where the answer is no JSON object.
    """
    address = read_address(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}{path}", headers=headers)  # noqa: S310
    # Through no proxy: it is this machine, or one that was named.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ANSWER_SECONDS) as response:
            document = json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            raise UsageError(
                "U-324",
                "The admin port wants a token.",
                hint="Set HOWDAH_ADMIN_TOKEN or HOWDAH_ADMIN_TOKEN_FILE.",
            ) from None
        try:
            document = json.load(error)
        except ValueError:
            raise ValueError(f"the service answered with status {error.code}") from None
    except http.client.HTTPException as error:
        raise ValueError(f"the answer is not HTTP ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - the answer's content, not a type
    return document


def read_address(url: str) -> str:
    """Return scheme, host and port of a URL and nothing else of it. Raises UsageError U-325."""
    try:
        parts = urlsplit(url)
        # The port is read for its error: one that is no number.
        readable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    if not readable:
        raise UsageError(
            "U-325", "The admin port's URL cannot be read.", hint="Write it as http://HOST:PORT."
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
