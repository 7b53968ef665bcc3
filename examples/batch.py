"""Add a vector to each row of many files, in shards; the same command goes on after a crash.

Usage: python -m examples.batch BUNDLE IN OUT [--column text]

`edgebert-run batch` is the same as a command, with more options.
"""

import argparse

from edgebert_runtime.batch.driver import require_all, run_job
from edgebert_runtime.batch.engines.local import LocalEngine
from edgebert_runtime.batch.planner import plan_job
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.errors import EdgebertError


def main() -> None:
    """Run the command; a mistake of the caller ends it with 2."""
    parser = argparse.ArgumentParser(prog="batch", description=__doc__)
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("source", metavar="IN")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--column", default="text", help="where the texts are (text)")
    options = parser.parse_args()
    try:
        settings = JobSettings(task="embed", column=options.column)
        job = plan_job(options.bundle, options.source, options.out, settings)
        report = run_job(job, LocalEngine())
        require_all(report)
    except EdgebertError as error:
        parser.error(str(error))
    print(f"{report.rows} rows in {options.out}, {report.bad} of them without a vector")


if __name__ == "__main__":
    main()
