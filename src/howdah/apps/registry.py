"""
Every pack at hand: those that come with Howdah, and those of other distributions.

Another distribution ships one by an entry point of the group `howdah.apps`, which loads to
the text of the pack, or to a path or package resource that holds it.
"""

from __future__ import annotations

from importlib import metadata, resources
from typing import Any

from howdah.apps.read_pack import read_pack
from howdah.errors import UsageError
from howdah.model.app_pack import AppPack

ENTRY_POINTS = "howdah.apps"


def read_packs() -> tuple[AppPack, ...]:
    """
    Return all packs by name; one of another distribution takes the place of ours of the same name.

    Raises UsageError A-501 for a pack that cannot be read, A-502 for an entry point that does
    not load or two distributions that ship one name.
    """
    packs = {pack.name: pack for pack in read_own_packs()}
    foreign: dict[str, AppPack] = {}
    for point in metadata.entry_points(group=ENTRY_POINTS):
        pack = _load(point)
        if pack.name in foreign:
            raise UsageError(
                "A-502",
                f'two distributions ship an application pack "{pack.name}"',
                detail=f"{foreign[pack.name].origin} and {pack.origin}",
                hint="Uninstall one of them.",
            )
        foreign[pack.name] = pack
    packs |= foreign
    return tuple(packs[name] for name in sorted(packs))


def read_own_packs() -> tuple[AppPack, ...]:
    """Return the packs that come with Howdah."""
    directory = resources.files("howdah.apps") / "packs"
    files = [file for file in directory.iterdir() if file.name.endswith(".toml")]
    files.sort(key=lambda file: file.name)
    return tuple(read_pack(file.read_text(encoding="utf-8")) for file in files)


def _load(point: metadata.EntryPoint) -> AppPack:
    origin = point.dist.name if point.dist is not None else point.value
    try:
        loaded: Any = point.load()
        text = loaded if isinstance(loaded, str) else loaded.read_text(encoding="utf-8")
    except Exception as error:
        # Anything may go wrong in somebody else's module; which one it was must be said.
        raise UsageError(
            "A-502",
            f'application pack "{point.name}" of {origin} does not load',
            detail=f"{type(error).__name__}: {error}",
            hint=f"Uninstall {origin}, or tell its authors.",
        ) from error
    return read_pack(text, origin=origin)
