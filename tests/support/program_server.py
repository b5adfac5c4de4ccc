"""
Real processes of `howdah` without the second that Python takes to import it.

A child of the tests imports the program once and forks for every call. The call is a process like any
other: its own arguments, environment, directory and streams, its own exit by the program's `main`. What a
fork cannot show, such as how long the program takes to start, wants `Program.start` or a subprocess.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: Bytes of a request at most: arguments and environment.
_REQUEST_BYTES_MAX = 1 << 20
_STREAMS = 3
#: Longest call.
_SECONDS_MAX = 120.0


class ProgramServer:
    """The client's side: one server for each process that runs tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST_BYTES_MAX)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the server; calls that run go on."""
        self._socket.close()
        self._process.wait(timeout=30)

    def run(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        stdin: int,
        limit_file_size: int | None = None,
    ) -> tuple[int, str, str]:
        """
        Run a call to its end; `stdin` is a file descriptor that stays the caller's.

        Returns exit status, as `subprocess` has it, and what was written to stdout and stderr.
        Raises TimeoutError when the call took two minutes, and ends it.
        """
        request = {
            "arguments": list(arguments),
            "directory": str(directory),
            "environment": dict(environment),
            "limit_file_size": limit_file_size,
        }
        reply, theirs = socket.socketpair()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        socket.send_fds(
            self._socket, [json.dumps(request).encode()], [stdin, out_end, err_end, theirs.fileno()]
        )
        theirs.close()
        os.close(out_end)
        os.close(err_end)
        reply.settimeout(_SECONDS_MAX)
        with reply.makefile() as answer, reply, ThreadPoolExecutor(2) as readers:
            pid = int(answer.readline())
            texts = [readers.submit(_read, descriptor) for descriptor in (out, err)]
            try:
                status = int(answer.readline())
                return status, texts[0].result(_SECONDS_MAX), texts[1].result(_SECONDS_MAX)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as stream:
        return stream.read()


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork for every request: None where requests end, in a fork the request."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    woken.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    replies: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                    _report_ended(replies)
                    continue
                data, descriptors, _, _ = socket.recv_fds(control, _REQUEST_BYTES_MAX, _STREAMS + 1)
                if not data:
                    return None
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for reply in replies.values():
                        reply.close()
                    for open_one in (control, woken, waker):
                        open_one.close()
                    os.close(descriptors.pop())
                    request: dict[str, Any] = json.loads(data)
                    return request | {"streams": descriptors}
                replies[pid] = socket.socket(fileno=descriptors.pop())
                replies[pid].sendall(f"{pid}\n".encode())
                for descriptor in descriptors:
                    os.close(descriptor)


def _report_ended(replies: dict[int, socket.socket]) -> None:
    while replies:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with replies.pop(pid) as reply, contextlib.suppress(BrokenPipeError):
            reply.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: dict[str, Any]) -> None:
    """Make this fork the process that the request describes."""
    for number, descriptor in enumerate(request["streams"]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    limit = request["limit_file_size"]
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.stdin = _open_stream(0, "r")
    sys.stdout = _open_stream(1, "w")
    sys.stderr = _open_stream(2, "w", errors="backslashreplace", line_buffering=True)
    sys.argv = [str(Path(sys.executable).parent / "howdah"), *request["arguments"]]


def _open_stream(
    descriptor: int, mode: str, *, errors: str = "strict", line_buffering: bool = False
) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, mode, closefd=False)
    buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding="utf-8", errors=errors, line_buffering=line_buffering)


def _main() -> None:
    import gc
    import importlib
    import pkgutil

    import howdah.cli
    import howdah.ops

    for package in (howdah.cli, howdah.ops):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    # What is there now need not be looked at by each fork's collections.
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        _become(request)
        howdah.cli.main()


if __name__ == "__main__":
    _main()
