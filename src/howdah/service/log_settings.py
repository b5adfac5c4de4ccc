"""The log's settings: its form, and from which level on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from howdah.service.setting import Kind, Setting
from howdah.service.setting_reader import SettingReader

LOG_VARIABLES = (
    Setting(
        name="HOWDAH_LOG_FORMAT",
        kind=Kind.TEXT,
        default="text",
        meaning="One line for each event: for people, or a JSON object for a log collector.",
        choices=("text", "json"),
    ),
    Setting(
        name="HOWDAH_LOG_LEVEL",
        kind=Kind.TEXT,
        default="info",
        meaning="From which level on. `debug` also tells requests for health and metrics.",
        choices=("debug", "info", "warning", "error"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How the service logs."""

    format: str = "text"
    level: str = "info"


def read_log_settings(environ: Mapping[str, str]) -> LogSettings:
    """Read the HOWDAH_LOG_* variables. Raises UsageError U-320 for values that cannot be used."""
    reader = SettingReader(environ, LOG_VARIABLES)
    settings = LogSettings(
        format=reader.choice("HOWDAH_LOG_FORMAT") or "text",
        level=reader.choice("HOWDAH_LOG_LEVEL") or "info",
    )
    reader.raise_problems()
    return settings
