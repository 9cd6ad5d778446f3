"""Ports: the well-known one if it is free, else any other."""

import socket

LOOPBACK = "127.0.0.1"

_given: set[int] = set()
"""Ports already assigned to a program that may not have opened them yet."""


def free_port(preferred: int | None = None) -> int:
    """A free TCP port on loopback: the preferred one, else any; never the same one twice."""
    for requested in (*([preferred] if preferred else []), *([0] * 100)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            # As servers do: a port whose last connections are still closing is free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((LOOPBACK, requested))
            except OSError:
                continue
            port: int = trial.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
    raise OSError(f"no free port on {LOOPBACK}")
