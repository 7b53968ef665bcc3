"""How much and how long a client may take."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a connection and a request are held to.

    Attributes:
        header_bytes: of all headers of a request.
        header_seconds: from the first byte of a request, or from its connection, to the end of its
            headers.
        body_bytes: of a body.
        body_seconds: from the end of the headers to the end of the body.
        write_seconds: for which a client may read nothing of an answer that does not fit into the
            system's buffers.
        linger_seconds: how long what a refused client still sends is read, so that it sees why.
        connections: that are open together.
    """

    header_bytes: int = 32 * 1024
    header_seconds: float = 10.0
    body_bytes: int = 16 * 1024 * 1024
    body_seconds: float = 30.0
    write_seconds: float = 30.0
    linger_seconds: float = 2.0
    connections: int = 1024
