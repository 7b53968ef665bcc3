"""What is fuzzed: files of a bundle and of a checkpoint, and texts and arguments."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import hypothesis
import numpy as np
from hypothesis import strategies as st

from edgebert.workflow.sources import open_source
from edgebert_runtime import Bundle, check, load
from edgebert_runtime.errors import EdgebertError
from tests.support.fuzz.mutations import HOSTILE, damaged_bytes, damaged_json
from tests.support.fuzz.pool import Target

TEXTS: Final = ["the small cat sat on the mat .", "a dog", "", "aé中\n🙂" * 30]
MANIFEST: Final = "edgebert.json"

Damage = Callable[[Random, bytes], bytes]


def targets(bundle: Path, checkpoint: Path) -> list[Target]:
    """All of them.

    Args:
        bundle: a bundle of task `embed`.
        checkpoint: the folder it was made of.
    """
    files = sorted(path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("*.json"))
    return [
        Target("manifest", _maker(bundle, [MANIFEST], damaged_json), _described(bundle)),
        Target("tokenizer", _maker(bundle, ["tokenizer.json"], damaged_json), _answer),
        Target("samples", _maker(bundle, ["samples/cpu.json"], damaged_json), _check),
        Target("graph", _maker(bundle, ["onnx/model.onnx"], damaged_bytes), _answer_portable),
        Target("configs", _maker(checkpoint, files, damaged_json), _read_checkpoint),
        Target("texts", lambda random, folder: None, _texts_of(bundle)),
    ]


def _maker(source: Path, files: Sequence[str], damage: Damage) -> Callable[[Random, Path], None]:
    def make(random: Random, folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        damaged = random.choice(files)
        content = damage(random, (folder / damaged).read_bytes())
        (folder / damaged).write_bytes(content)
        manifest = folder / MANIFEST
        if damaged != MANIFEST and manifest.exists():  # else every case ends at a hash
            fields = json.loads(manifest.read_bytes())
            digest = hashlib.sha256(content).hexdigest()
            fields["files"][damaged] = {"size_bytes": len(content), "sha256": digest}
            manifest.write_text(json.dumps(fields), encoding="utf-8")

    return make


@cache
def _usual(bundle: Path) -> Any:
    with load(bundle, variant="portable", threads=1, cache_dir=False, task="embed") as model:
        return model.embed(TEXTS)


def _embed(folder: Path, variant: str, expected: Any = None) -> None:
    with (
        warnings.catch_warnings(action="ignore"),
        load(folder, variant=variant, threads=1, cache_dir=False, task="embed") as model,
    ):
        vectors = model.embed(TEXTS)
        if vectors.shape != (len(TEXTS), model.dimensions) or not np.isfinite(vectors).all():
            raise AssertionError(f"vectors of shape {vectors.shape}: {vectors}")
        if expected is not None:
            np.testing.assert_allclose(vectors, expected, atol=1e-4)
        if len(model.count_tokens(TEXTS)) != len(TEXTS):
            raise AssertionError("count_tokens")


def _answer(random: Random, folder: Path) -> None:
    _embed(folder, random.choice(("auto", "portable")))


def _answer_portable(random: Random, folder: Path) -> None:
    del random
    _embed(folder, "portable")


def _check(random: Random, folder: Path) -> None:
    del random
    with warnings.catch_warnings(action="ignore"):
        report = check(folder, "cpu")
    json.dumps(report.to_dict(), allow_nan=False)


def _described(bundle: Path) -> Callable[[Random, Path], None]:
    """A manifest that is read must give the vectors of the whole one, where it says the same."""
    whole = json.loads((bundle / MANIFEST).read_bytes())

    def run(random: Random, folder: Path) -> None:
        if random.random() < 0.2:
            _check(random, folder)
            return
        read = json.loads(Bundle.open(folder).manifest.to_json())
        same = all(read[key] == whole[key] for key in ("tasks", "tokenizer", "architecture"))
        _embed(folder, random.choice(("auto", "portable")), _usual(bundle) if same else None)

    return run


def _read_checkpoint(random: Random, folder: Path) -> None:
    del random
    with warnings.catch_warnings(action="ignore"):
        open_source(folder)


TEXT: Final = st.one_of(
    st.text(max_size=40),
    st.sampled_from([*TEXTS, "\ud800", "\0", "a" * 5000, "[MASK] [PAD]", "\u0301" * 200, "ﷺ" * 9]),
)
ODD: Final = st.one_of(TEXT, st.sampled_from(HOSTILE), st.binary(max_size=3), st.none())
CALL: Final = st.fixed_dictionaries(
    {"texts": st.one_of(st.lists(TEXT, max_size=5), st.lists(ODD, max_size=3), ODD)},
    optional={
        key: ODD | usual
        for key, usual in {
            "normalize": st.booleans(),
            "dimensions": st.integers(-2, 60),
            "prompt": st.just(""),
            "long": st.sampled_from(["truncate", "error", "window"]),
            "stride": st.integers(-2, 50),
            "output_dtype": st.sampled_from(["float32", "int8", "binary"]),
            "progress": st.booleans(),
        }.items()
    },
)
CALLS_OF_A_CASE: Final = 20


def _texts_of(bundle: Path) -> Callable[[Random, Path], None]:
    """Calls of one open model; a text gives the vector that it gives alone."""

    @cache
    def model() -> Any:
        return load(bundle, variant="cpu", threads=1, cache_dir=False)

    def call(arguments: dict[str, Any]) -> None:
        texts = arguments.pop("texts")
        with warnings.catch_warnings(action="ignore"), suppress(EdgebertError):
            found = model().embed(texts, **arguments)
            if isinstance(texts, list) and texts:
                alone = model().embed(texts[-1:], **arguments)
                np.testing.assert_allclose(
                    found[-1], alone[0], atol=1 if alone.dtype != np.float32 else 1e-5
                )

    def run(random: Random, folder: Path) -> None:
        del folder
        quick = hypothesis.settings(
            max_examples=CALLS_OF_A_CASE,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.seed(random.getrandbits(32))(quick(hypothesis.given(CALL)(call)))()

    return run
