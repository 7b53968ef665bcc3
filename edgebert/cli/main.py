"""The `edgebert` command: all commands of `edgebert-run`, and those of the build machine.

The commands of `edgebert-run` get their arguments as they are, whoever defined them. The others
are in `edgebert.cli.app`. No command but `export`, `train`, `verify`, and `explain` of a checkpoint
loads torch.

Exit codes are those of the errors (`EdgebertError.exit_code`); 130 is interrupted, 141 nobody
reads the output, 143 terminated. Results go to standard output, progress to standard error.
"""

import sys

from edgebert.cli import PROGRAM
from edgebert.cli.explain import INSTEAD
from edgebert.reporting.drawn_pages import DrawnPages
from edgebert_runtime.cli import main as runtime
from edgebert_runtime.cli.ending import run_to_end


def main() -> None:
    """Run the command and exit."""
    given = sys.argv[1:]
    if given and runtime.is_command(given[0]):
        sys.exit(runtime.main(given, PROGRAM, DrawnPages(), INSTEAD))
    from edgebert.cli.app import app  # starts slower, and the other commands need none of it

    sys.exit(run_to_end(PROGRAM, given, lambda: app(prog_name=PROGRAM)))
