"""
The JSON document of a report: what `--json` prints and what `report.json` holds.

ASCII only, so that it survives any locale and pipe, and so that a path which is
not valid UTF-8 still makes a valid document.
"""

from __future__ import annotations

import json
from typing import Any

from howdah.model.report import to_json


def render_json(report: Any) -> str:
    """
    Return one JSON document of any of the model's dataclasses, without a line feed at its end.

    Raises ValueError for NaN or an infinity, which JSON does not know.
    """
    return json.dumps(to_json(report), indent=2, ensure_ascii=True, allow_nan=False)


def render_json_line(value: Any) -> str:
    """Return one document on one line, for verbs that go on for long and print one after the other."""
    return json.dumps(to_json(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
