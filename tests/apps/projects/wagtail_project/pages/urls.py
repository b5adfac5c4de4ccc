"""No page is served: Wagtail only wants to know that there could be."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
