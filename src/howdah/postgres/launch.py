"""
Start a program with fewer rights, or tied to its parent; runs as a script of its own.

`python -I -S launch.py OPTIONS PROGRAM ARGUMENT...`, where OPTIONS is an object of JSON with any of:
`uid` and `gid` (become that user), `namespace` (be it by name only), `keep_file_access` (keep root's),
`end_with_parent` (number of the signal) with `parent` (its process id), `require` (directories that must
be in reach). The script changes itself and then becomes PROGRAM (exec), so that the process id which the
caller sees is the program's. Nothing happens between fork and exec in the caller, which may have threads.
Standard library only, no import of ours.

Exit status 77: the rights could not be changed; 78: a required path is out of reach.
Both say why on standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

#: Exit statuses of this script; any other is the program's.
RIGHTS_FAILED = 77
OUT_OF_REACH = 78

_CLONE_NEWUSER = 0x10000000  # include/uapi/linux/sched.h
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1  # include/uapi/linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Apply the options and become the program."""
    options: dict[str, Any] = json.loads(arguments[0])
    try:
        if options.get("namespace"):
            _enter_user_namespace(options["uid"], options["gid"])
        elif options.get("uid") is not None:
            _become(options["uid"], options["gid"], keep_file_access=bool(options.get("keep_file_access")))
        if options.get("end_with_parent"):
            _end_with_parent(options["parent"], options["end_with_parent"])
    except (OSError, AttributeError) as error:
        # AttributeError: this C library has no such call (macOS).
        sys.stderr.write(f"{error}\n")
        sys.exit(RIGHTS_FAILED)
    for path in options.get("require", []):
        # As the effective user: for any other question access() forgets the rights that were kept.
        if not os.access(path, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            sys.stderr.write(f"{path} is out of reach of user id {os.geteuid()}\n")
            sys.exit(OUT_OF_REACH)
    os.execv(arguments[1], arguments[1:])  # noqa: S606 - becoming the program is the purpose


def _enter_user_namespace(uid: int, gid: int) -> None:
    """
    Be another user by name only: inside a namespace the real user is mapped to `uid`.

    The kernel goes on checking files against the real user, so nothing needs to change owner or mode.
    """
    real_uid, real_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWUSER), "unshare(CLONE_NEWUSER)")
    # setgroups must be given up before an unprivileged process may map its group (user_namespaces(7)).
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {real_uid} 1"),
        ("gid_map", f"{gid} {real_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _become(uid: int, gid: int, *, keep_file_access: bool) -> None:
    """Become another user for good; on request (Linux) with root's access to files kept."""
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_file_access:
        _check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl(PR_SET_KEEPCAPS)")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep_file_access:
        mask = 1 << _CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        # effective, permitted, inheritable; low words first, then high words.
        data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
        _check(libc.capset(header, data), "capset")
        raised = libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
        _check(raised, "prctl(PR_CAP_AMBIENT_RAISE)")


def _end_with_parent(parent: int, signal_number: int) -> None:
    """Ask the kernel for a signal when the parent dies; where it cannot (macOS), do without."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before we asked
        sys.exit(RIGHTS_FAILED)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
