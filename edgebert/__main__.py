"""`python -m edgebert` is `edgebert`."""

from edgebert.cli.main import main

if __name__ == "__main__":
    main()
