"""How far a job is, from nothing but the files in its folder."""

from dataclasses import dataclass

from edgebert_runtime.batch.job import FAILED, SUCCESS, Job
from edgebert_runtime.batch.shards import read_tallies
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.io.arrow import require_arrow


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchStatus(Report):
    """How far a job is.

    Attributes:
        out: folder of the answers.
        task: of the bundle.
        variant: that answers.
        sources: how many files have the rows.
        units: in all.
        done: units that have a shard.
        failed: numbers of units that were given up.
        rows: in the shards.
        bad: rows that could not be answered.
        cut: texts that were longer than the model takes.
        complete: whether every unit has its shard, and the folder says so.
    """

    out: str
    task: str
    variant: str
    sources: int
    units: int
    done: int
    failed: tuple[int, ...]
    rows: int
    bad: int
    cut: int
    complete: bool


def status_of(out: str) -> BatchStatus:
    """How far the job of a folder is.

    Raises:
        ConfigError: pyarrow is not installed.
        OutputError: there is no job, or a shard cannot be read.
    """
    require_arrow()
    job = Job.open(out)
    done = job.done()
    failed = {int(name.partition(".")[0]) for name in job.folder.names(FAILED)} - done
    tallies = read_tallies(job, done)
    return BatchStatus(
        out=out,
        task=job.settings.task,
        variant=job.record.variant,
        sources=len(job.record.sources),
        units=job.units,
        done=len(done),
        failed=tuple(sorted(failed)),
        rows=sum(tally.rows for tally in tallies),
        bad=sum(tally.bad for tally in tallies),
        cut=sum(tally.cut for tally in tallies),
        complete=SUCCESS in job.folder.names(),
    )
