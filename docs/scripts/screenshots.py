"""
Take the pictures of the documentation: migrate the example, photograph its report.

    .venv/bin/python docs/scripts/screenshots.py

Wants Chromium on the PATH. HOWDAH_HOME, where it is set, is the place that the pictures show; it must be
empty, and is left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = "examples/agent-platform/strapi.db"
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def main() -> None:
    """Write docs/images/report.png."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium was not found on the PATH.")
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="howdah-pictures-") as directory:
        environment = {"HOWDAH_HOME": f"{directory}/home", **os.environ}
        howdah = [sys.executable, "-m", "howdah"]
        report = Path(directory) / "report"
        subprocess.run(
            [*howdah, "migrate", SOURCE, "--report-dir", str(report)], cwd=ROOT, env=environment, check=True
        )
        subprocess.run([*howdah, "pg", "stop"], cwd=ROOT, env=environment, check=True)
        subprocess.run(
            [
                browser,
                *CHROMIUM_FLAGS,
                f"--user-data-dir={directory}/browser",
                "--window-size=1000,980",
                f"--screenshot={ROOT / 'docs' / 'images' / 'report.png'}",
                (report / "report.html").as_uri(),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    main()
