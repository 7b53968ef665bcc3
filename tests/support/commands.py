"""The two commands, as processes."""

import subprocess
import sys


def run(module: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import sys; from {module} import main; sys.argv[0] = 'edgebert'; sys.exit(main())"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)


def edgebert(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run("edgebert.cli.main", *map(str, arguments), stdin=stdin)


def edgebert_run(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run("edgebert_runtime.cli.main", *map(str, arguments), stdin=stdin)
