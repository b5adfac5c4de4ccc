"""What Howdah should know of the application Tracker."""

from __future__ import annotations

from importlib import resources

#: Howdah reads the pack from here.
PACK = resources.files("howdah_tracker") / "tracker.toml"
