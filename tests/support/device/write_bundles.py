"""Write what the tests on another processor open, into one folder.

Usage: python -m tests.support.device.write_bundles FOLDER

`minilm` and `vectors.npz` are of `make_bundle`. `every` has a variant of every recipe. `tiny` and
`tiny-exported` are the fixtures of these names; `narrow` is int8 for CPUs without exact sums.
"""

import shutil
import sys
from pathlib import Path

import edgebert
from tests.support.device import make_bundle
from tests.support.engines import write_bundle
from tests.support.tiny_encoder import build_tiny, save_tiny


def main(folder: str) -> None:
    place = Path(folder)
    make_bundle.main(str(place / "minilm"), str(place / "vectors.npz"))
    write_bundle.main(str(place / "every"))
    source = save_tiny(build_tiny(), place / "source")
    exported = edgebert.export(source, place / "tiny-exported").folder
    for name, cpu in (("tiny", None), ("narrow", "avx2")):
        copy = shutil.copytree(exported, place / name)
        edgebert.quantize(copy, cpu=cpu, force=True, keep_default=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
