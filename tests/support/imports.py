"""Which modules a process imported."""

import subprocess
import sys
from importlib.util import find_spec


def imported(code: str, *arguments: str) -> set[str]:
    """Modules of the runtime, without its own name, that some code leaves imported."""
    listing = "; print(*sorted(name for name in sys.modules if 'edgebert_runtime' in name))"
    done = subprocess.run(
        [sys.executable, "-c", "import sys; " + code + listing, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.removeprefix("edgebert_runtime.") for name in done.stdout.split()}


def existing(*names: str) -> set[str]:
    """Modules of the runtime by name, to say of them that they are not imported.

    Raises:
        ModuleNotFoundError: there is none of this name, so that what is said says nothing.
    """
    for name in names:
        if find_spec(f"edgebert_runtime.{name}") is None:
            raise ModuleNotFoundError(f"edgebert_runtime has no module {name}")
    return set(names)
