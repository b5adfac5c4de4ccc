"""
What a role may be allowed to do: every action of every type and plugin, as Strapi lists them.

Pure. The plugins are those that Strapi 5.54 comes with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from howdah.content.query.schema import Schemas

#: Plugin → controller → actions.
_PLUGINS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "content-type-builder": {
        "components": ("getComponents", "getComponent"),
        "content-types": ("getContentTypes", "getContentType"),
    },
    "email": {"email": ("send",)},
    "upload": {"content-api": ("find", "findPage", "findOne", "destroy", "upload")},
    "i18n": {"locales": ("listLocales",)},
    "users-permissions": {
        "auth": (
            "callback",
            "changePassword",
            "resetPassword",
            "refresh",
            "logout",
            "getSessions",
            "revokeSession",
            "connect",
            "forgotPassword",
            "register",
            "emailConfirmation",
            "sendEmailConfirmation",
        ),
        "user": ("create", "update", "find", "findOne", "count", "destroy", "me"),
        "role": ("createRole", "findOne", "find", "updateRole", "deleteRole"),
        "permissions": ("getPermissions",),
    },
}
_OF_COLLECTIONS = ("find", "findOne", "create", "update", "delete")
_OF_SINGLES = ("find", "update", "delete")


def list_actions(schemas: Schemas, allowed: Iterable[str] = ()) -> dict[str, Any]:
    """Return every action as Strapi groups them, those that are allowed enabled."""
    listed: dict[str, Any] = {}
    own = [(uid, _OF_COLLECTIONS) for uid in schemas.collections.values()]
    singles = [(uid, _OF_SINGLES) for uid in schemas.singles.values()]
    for uid, switches in (*own, *singles):
        api, _, controller = uid.partition(".")
        _group(listed, api)[controller] = _switches(switches)
    listed = dict(sorted(listed.items()))
    for plugin, controllers in _PLUGINS.items():
        for controller, actions in controllers.items():
            _group(listed, f"plugin::{plugin}")[controller] = _switches(actions)
    for action in allowed:
        group, _, rest = action.partition(".")
        controller, _, name = rest.partition(".")
        if name:
            _group(listed, group).setdefault(controller, {})[name] = {"enabled": True, "policy": ""}
    return listed


def enabled_actions(permissions: Any) -> Iterator[str]:
    """Return the actions that a body of that form enables."""
    for group, item in _items(permissions):
        for controller, actions in _items(item.get("controllers") if isinstance(item, Mapping) else None):
            for name, action in _items(actions):
                if isinstance(action, Mapping) and action.get("enabled"):
                    yield f"{group}.{controller}.{name}"


def _group(listed: dict[str, Any], name: str) -> dict[str, Any]:
    controllers: dict[str, Any] = listed.setdefault(name, {"controllers": {}})["controllers"]
    return controllers


def _switches(actions: Iterable[str]) -> dict[str, Any]:
    return {name: {"enabled": False, "policy": ""} for name in actions}


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()
