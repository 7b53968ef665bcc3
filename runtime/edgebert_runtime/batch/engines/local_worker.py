"""A worker of `LocalEngine`: reads units from standard input, and ends where that ends.

Its driver may be killed while a unit is answered: a thread that reads on sees that, and ends the
process.
"""

import json
import os
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO

from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.worker import UnitFailure, UnitResult, UnitWorker
from edgebert_runtime.errors import InputError
from edgebert_runtime.storage.json_reader import parse_json


def main() -> None:
    """Answer units until there are none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver, which has it too, ends its workers
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what a library prints must not stand between the answers
        asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        first = _message(sys.stdin.buffer.readline())
        threading.Thread(target=_listen, args=(asked,), daemon=True).start()
        worker: UnitWorker | None = None
        while True:
            number = asked.get()["unit"]
            try:
                worker = worker or _open(first)
                told: UnitResult | UnitFailure = worker.run(number)
            except Exception as error:  # the driver is told, whatever it is
                told = UnitFailure.of(number, error)
            _tell(answers, told)


def _open(request: dict[str, Any]) -> UnitWorker:
    return UnitWorker(Job.open(request["out"], request["bundle"]), request["threads"])


def _listen(asked: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin.buffer:
        asked.put(_message(line))
    os._exit(0)  # the driver has ended, or has no more units


def _message(line: bytes) -> dict[str, Any]:
    message: dict[str, Any] = parse_json(line, InputError)
    return message


def _tell(answers: BinaryIO, told: UnitResult | UnitFailure) -> None:
    answers.write(json.dumps(told._asdict()).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
