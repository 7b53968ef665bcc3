"""One question a file: `measure` answers it with a record."""
