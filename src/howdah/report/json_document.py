"""
The JSON document of a report: what `--json` prints and what `report.json` holds.

ASCII only, so that it survives any locale and pipe, and so that a path which is
not valid UTF-8 still makes a valid document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from howdah.model.report import to_json


def render_json(report: Any) -> str:
    """
    Return one JSON document of any of the model's dataclasses, without a line feed at its end.

    Raises ValueError for NaN or an infinity, which JSON does not know.
    """
    return json.dumps(to_json(report), indent=2, ensure_ascii=True, allow_nan=False)


def render_json_line(value: Mapping[str, Any]) -> str:
    """Return facts as one line, for verbs that go on for long."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
