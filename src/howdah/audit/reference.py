"""The reference page of the audit's rules, from their table: python -m howdah.audit.reference."""

from __future__ import annotations

from howdah.audit.rules import RULES

_HEAD = """\
# What `howdah audit` looks for

<!-- Written by python -m howdah.audit.reference; tests compare. -->

Codes are stable. An *error* does not work on PostgreSQL, a *warning* works but may behave otherwise, a
*note* is worth knowing. How to work with them: [Audit a project](../how-to/audit-a-project.md).

| code | severity | found | why | instead |
|---|---|---|---|---|
"""


def render_reference() -> str:
    """Return the page as Markdown."""
    rows = (
        f"| {rule.code} | {rule.severity} | {rule.title} | {rule.why} | {rule.replacement} |"
        for rule in RULES.values()
    )
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(render_reference(), end="")
