"""Sources of CSV: a file is a unit, for a line feed may stand within quotation marks."""

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from edgebert_runtime.batch.chunks import CHUNK_ROWS, Chunk, Inspected
from edgebert_runtime.batch.job import Unit
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.batch.sources import opened
from edgebert_runtime.batch.typed_rows import TypedRows
from edgebert_runtime.io.columns import Columns
from edgebert_runtime.io.text_rows import BYTE_ORDER_MARK, csv_rows


class CsvFormat:
    """Cells with commas between them, below a header; every column holds strings."""

    def inspect(self, path: str, size: int, settings: JobSettings) -> Inspected:
        """The header says all that is known before the file is read."""
        import pyarrow

        with opened(path) as file:
            header = next(csv.reader(_lines(file)), [])
            file.seek(0)
            columns = Columns(required=settings.text_columns)
            next(csv_rows(path, _lines(file), columns), None)  # refuses a header without them
        schema = pyarrow.schema([(name, pyarrow.string()) for name in header])
        return Inspected((0, size), schema, None)

    def read(self, unit: Unit, schema: Any, settings: JobSettings) -> Iterator[Chunk]:
        """All rows of the file."""
        names = tuple(dict.fromkeys([*schema.names, *settings.text_columns]))
        gathered = TypedRows(schema, names, settings.text_columns)
        with opened(unit.source.path) as file:
            rows = csv_rows(unit.source.path, _lines(file), Columns(required=names))
            while some := list(islice(rows, CHUNK_ROWS)):
                for row in some:
                    gathered.add(row)
                yield gathered.taken()


def _lines(file: BinaryIO) -> Iterator[str]:
    """Lines of UTF-8; what is none becomes half a pair of surrogates, which makes a row bad."""
    for number, line in enumerate(file):
        whole = line.removeprefix(BYTE_ORDER_MARK) if number == 0 else line
        yield whole.decode(errors="surrogateescape")
