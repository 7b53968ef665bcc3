"""Add a column of vectors to a parquet file; memory holds one row group at a time.

Usage: python -m examples.batch BUNDLE IN.parquet OUT.parquet [--column text]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from edgebert_runtime import Embedder, load
from edgebert_runtime.errors import EdgebertError

ADDED: Final = "embedding"


def embed_file(model: Embedder, source: Path, destination: Path, column: str = "text") -> int:
    """Write `source` with an `embedding` for each text; a missing text has none.

    The destination appears whole or not at all, and may be the source. Returns the number of rows.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: it is no parquet, has not the column, or has the one to add.
    """
    with tempfile.TemporaryDirectory(dir=destination.parent) as scratch:
        unfinished = Path(scratch) / destination.name
        rows = _write(model, source, unfinished, column)
        unfinished.replace(destination)
    return rows


def main() -> None:
    """Run the command; a mistake of the caller ends it with 2."""
    parser = argparse.ArgumentParser(prog="batch", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("source", type=Path, metavar="IN.parquet")
    parser.add_argument("destination", type=Path, metavar="OUT.parquet")
    parser.add_argument("--column", default="text", help="where the texts are (text)")
    options = parser.parse_args()
    try:
        model = load(options.bundle, task="embed")
        rows = embed_file(model, options.source, options.destination, options.column)
    except (EdgebertError, OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{rows} rows with vectors in {options.destination}")


def _write(model: Embedder, source: Path, destination: Path, column: str) -> int:
    with pq.ParquetFile(source) as read:
        schema = _extended(read.schema_arrow, column, model.embed([]).shape[1])
        with pq.ParquetWriter(destination, schema) as writer:
            for index in range(read.num_row_groups):
                rows = read.read_row_group(index)
                vectors = _vectors(model, rows[column].to_pylist())
                writer.write_table(rows.append_column(schema.field(ADDED), vectors))
        return int(read.metadata.num_rows)


def _extended(schema: pa.Schema, column: str, dimensions: int) -> pa.Schema:
    if column not in schema.names:
        raise ValueError(f"no column {column!r} among {schema.names}; name one with --column")
    if ADDED in schema.names:
        raise ValueError(f"a column {ADDED!r} is there already")
    return schema.append(pa.field(ADDED, pa.list_(pa.float32(), dimensions)))


def _vectors(model: Embedder, texts: list[str | None]) -> pa.Array:
    missing = pa.array([text is None for text in texts], pa.bool_())
    vectors = model.embed(["" if text is None else text for text in texts])
    values = pa.array(vectors.ravel())
    return pa.FixedSizeListArray.from_arrays(values, vectors.shape[1], mask=missing)


if __name__ == "__main__":
    main()
