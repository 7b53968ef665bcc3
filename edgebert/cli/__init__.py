"""The `edgebert` command: its commands, what they print, and progress bars."""
