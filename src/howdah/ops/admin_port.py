"""Ask a running service's admin port; used by the verbs that look at it from the shell."""

from __future__ import annotations

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

    Raises UsageError U-324 where it wants a token, OSError where it does not answer, ValueError where the
    answer is no JSON object.
    """
    parts = urlsplit(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{parts.scheme}://{parts.netloc}{path}", headers=headers)  # noqa: S310
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
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - the answer's content, not a type
    return document
