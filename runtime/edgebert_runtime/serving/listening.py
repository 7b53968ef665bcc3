"""The address that a server listens on."""

import errno
import socket
import sys
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from edgebert_runtime.errors import ConfigError

BACKLOG: Final = 256
"""Connections that wait to be accepted; the event loop accepts as many at once."""


class Address(NamedTuple):
    """What `socket` takes, and whether only this machine reaches it."""

    family: int
    where: Any
    is_loopback: bool


def find_address(host: str, port: int) -> Address:
    """The first address of a host.

    Raises:
        ConfigError: it has none.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"host {host!r} has no address ({error}); use 127.0.0.1 for this machine alone, or "
            "0.0.0.0 for every network"
        ) from error
    family, _, _, _, where = found[0]
    return Address(family, where, ip_address(where[0]).is_loopback)


def listen(address: Address) -> socket.socket:
    """A socket that listens; who connects waits until the server accepts.

    Raises:
        ConfigError: the port is in use, or cannot be had.
    """
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address.where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(_explain(address, error)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where clients find a socket."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _explain(address: Address, error: OSError) -> str:
    host, port, *_ = address.where
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use; stop what uses it, or choose another with --port "
            "(0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is not for you ({error.strerror}); choose one from 1024 with --port"
    return f"{host} port {port} cannot be listened on: {error.strerror}; choose another --host"
