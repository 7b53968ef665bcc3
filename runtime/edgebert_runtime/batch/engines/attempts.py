"""What a worker of Ray or Spark does, whichever of them started it."""

from dataclasses import dataclass
from pathlib import Path

from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.worker import UnitFailure, UnitResult, UnitWorker

Told = UnitResult | UnitFailure
"""What became of a unit."""


@dataclass(frozen=True)
class Order:
    """What a worker must know, to be sent to it; all else is in the job's folder.

    Attributes:
        out: folder or URL of the answers.
        bundle: whose model answers.
        threads: of the model.
    """

    out: str
    bundle: str
    threads: int

    @classmethod
    def of(cls, job: Job, threads: int) -> "Order":
        """The order of a job. Its paths are absolute: workers run in folders of their own."""
        bundle = Path(job.record.bundle)
        name = str(bundle.absolute()) if bundle.exists() else job.record.bundle
        return cls(job.folder.place, name, threads)


class Attempts:
    """Tries units with one model, which is opened for the first of them.

    Args:
        order: what the driver sent.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._worker: UnitWorker | None = None

    def run(self, number: int) -> Told:
        """Answer a unit; whatever is raised is told as its failure."""
        try:
            if self._worker is None:
                job = Job.open(self._order.out, self._order.bundle)
                self._worker = UnitWorker(job, self._order.threads)
            return self._worker.run(number)
        except Exception as error:  # the driver is told, whatever it is
            return UnitFailure.of(number, error)
