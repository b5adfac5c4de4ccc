"""
Write docs/reference/findings.md from the table of findings.

    python -m howdah.planning.findings_reference > docs/reference/findings.md
"""

from __future__ import annotations

from howdah.model.finding_kinds import KINDS

_HEAD = """\
# Findings

<!-- Written by `python -m howdah.planning.findings_reference`; do not edit. -->

What Howdah tells about a source, a plan or a run. Codes are stable.

*info*: worth knowing, nothing changes. *warning*: something does not carry over as it is, or needs a look.
*error*: something will not be there, or rows are in quarantine.
"""


def render_findings_reference() -> str:
    """Return the page."""
    lines = [_HEAD.rstrip("\n")]
    for kind in KINDS.values():
        lines += ["", f"## {kind.code} · {kind.title} ({kind.severity})", "", kind.explanation]
        if kind.hint:
            lines += ["", f"*What to do:* {kind.hint}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render_findings_reference(), end="")
