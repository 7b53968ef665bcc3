"""Import every module of installed distributions.

Usage: python .ci/import_all.py DISTRIBUTION...

The names come from what was installed, so it needs no checkout. A `__main__` is imported under its
own name, which does not run it. Adapters are left out: each needs the framework it is for, and runs
in `make interop`.
"""

import importlib
import sys
from importlib.metadata import files
from pathlib import PurePath


def main(*distributions: str) -> int:
    """1 if a module cannot be imported; each is named with the reason."""
    failed = 0
    for distribution in distributions:
        paths = [path for path in files(distribution) or () if path.suffix == ".py"]
        names = sorted(_module(path) for path in paths if path.parent.name != "integrations")
        wrong = [f"{name}: {error}" for name in names if (error := _error(name))]
        for line in wrong or ([] if names else [f"{distribution} has no modules"]):
            sys.stderr.write(f"{line}\n")
            failed = 1
        sys.stdout.write(f"{distribution}: {len(names) - len(wrong)} modules\n")
    return failed


def _module(path: PurePath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _error(name: str) -> str:
    """Why a module cannot be imported; one that would end the process cannot, either."""
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:
        return repr(error)
    return ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
