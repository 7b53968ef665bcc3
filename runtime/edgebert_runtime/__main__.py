"""`python -m edgebert_runtime` is `edgebert-run`."""

from edgebert_runtime.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
