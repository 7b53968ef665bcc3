"""A server with short deadlines and few connections, so that tests need not wait.

Usage: python -m tests.support.impatient_server BUNDLE PARSER --port 0
"""

import sys

from edgebert_runtime.serving import Access, Limits, application
from edgebert_runtime.serving.listening import find_address, listen
from edgebert_runtime.serving.server import Parser, run

LIMITS = Limits(
    header_seconds=1.0,
    body_bytes=1 << 20,
    body_seconds=2.0,
    write_seconds=1.0,
    connections=100,
)


def main(bundle: str, parser: Parser) -> None:
    with listen(find_address("127.0.0.1", 0)) as listener:
        served = application(f"model={bundle}", access=Access(limits=LIMITS))
        run(served, listener, drain_seconds=0, parser=parser)


if __name__ == "__main__":
    main(sys.argv[1], "httptools" if sys.argv[2] == "httptools" else "h11")
