"""Requests that nobody would write, made from the API's own OpenAPI document: none of them is our fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.api import SECRETS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_generated_request_is_answered_with_500(api: httpx.Client, tmp_path: Path) -> None:
    base = str(api.base_url).rstrip("/")
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{base}/openapi.json"]
    command += ["--url", f"{base}/api", "--checks", "not_a_server_error", "--max-examples", "40"]
    command += ["--phases", "examples,coverage,fuzzing", "-H", f"Authorization: Bearer {SECRETS['apiToken']}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-4000:]
