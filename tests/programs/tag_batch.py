"""The entities of a file of JSON lines, as a table with a row an entity."""

import csv
import json
import sys
from pathlib import Path

from edgebert_runtime import load


def main(bundle: str, rows: str) -> None:
    records = [json.loads(line) for line in Path(rows).read_text(encoding="utf-8").splitlines()]
    table = csv.writer(sys.stdout)
    table.writerow(["id", "label", "text", "start", "end", "score"])
    with load(bundle, task="tag") as model:
        found = model.tag([record["text"] for record in records], long="window")
        for record, entities in zip(records, found, strict=True):
            for each in entities:
                words = record["text"][each.start : each.end]
                score = round(each.score, 4)
                table.writerow([record["id"], each.label, words, each.start, each.end, score])


if __name__ == "__main__":
    main(*sys.argv[1:])
