"""What docs/decisions/0036 states of the browser's runtime: quality, first answer, download.

Usage: python -m tests.support.web.measure BUNDLE

BUNDLE is of MiniLM in int8. runtime/web is built, its tests included.
"""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
import transformers

from benchmarks.engines import checkpoint_with_int8
from benchmarks.texts import package_descriptions, rated_sentences
from examples.minilm import minilm_folder

WEB: Final = Path(__file__).resolve().parents[3] / "runtime" / "web"
VARIANT: Final = "int8-portable"
TEXTS: Final = 1000
QUANTIZED: Final = "onnx/model_quantized.onnx"
ROUNDS: Final = 7
ENGINE: Final = ("ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs")


def main(bundle: str) -> None:
    """Print the three as JSON."""
    found = {"quality": _quality(bundle), "first_answer": _first(bundle), "gzip": _download(bundle)}
    print(json.dumps(found, indent=2))


def _quality(bundle: str) -> dict[str, Any]:
    """Cosines to torch in fp32, each text alone, half of the texts short.

    `usual` is the file that others ship as q8: optimum's export, its weights in 8 bits.
    """
    texts = [*rated_sentences(TEXTS // 2), *package_descriptions(TEXTS // 2)]
    expected = _by_torch(texts)
    ours = _vectors(texts, "vectors", bundle, VARIANT)
    usual = _vectors(texts, "bare_vectors", str(checkpoint_with_int8()), QUANTIZED)
    return {
        "texts": len(texts),
        "ours": _cosines(ours, expected),
        "usual": _cosines(usual, expected),
    }


def _vectors(texts: list[str], program: str, *arguments: str) -> Any:
    """What a program of Node writes for texts."""
    with TemporaryDirectory() as scratch:
        given, out = Path(scratch) / "texts.json", Path(scratch) / "vectors.json"
        given.write_text(json.dumps(texts), encoding="utf-8")
        _node(program, *arguments, str(given), str(out))
        return np.array(json.loads(out.read_text(encoding="utf-8")))


def _cosines(found: Any, expected: Any) -> dict[str, float]:
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1)
    return {"mean": float(cosines.mean()), "worst": float(cosines.min())}


def _by_torch(texts: list[str]) -> Any:
    """Vectors of transformers' model, pooled as sentence-transformers does."""
    folder = minilm_folder()
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    model: Any = transformers.AutoModel.from_pretrained(folder).eval()
    limit = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    vectors = []
    for text in texts:
        inputs = tokenizer(text, truncation=True, max_length=limit, return_tensors="pt")
        with torch.no_grad():
            pooled = model(**inputs).last_hidden_state[0].mean(0)
        vectors.append((pooled / pooled.norm()).numpy())
    return np.array(vectors)


def _first(bundle: str) -> dict[str, Any]:
    """Of new processes in turn: milliseconds to the first vector, and the median ratio."""
    rounds = [[_answered(who, bundle) for who in ("ours", "bare")] for _ in range(ROUNDS)]
    found: dict[str, Any] = {}
    for unit in ("wall_ms", "cpu_ms"):
        ours, bare = zip(*[[each[unit] for each in pair] for pair in rounds], strict=True)
        ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
        found[unit] = {"ours": median(ours), "bare": median(bare), "ratio": median(ratios)}
    return found


def _answered(who: str, bundle: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(_node("first_answer", who, bundle, VARIANT))
    return found


def _download(bundle: str) -> dict[str, int]:
    """Bytes of each file after gzip, as a static host sends them; the page's script is bundled."""
    manifest = json.loads((Path(bundle) / "edgebert.json").read_text(encoding="utf-8"))
    names = (*manifest["variants"][VARIANT]["files"], "tokenizer.json", "edgebert.json")
    engine = WEB / "node_modules" / "onnxruntime-web" / "dist"
    sizes = {
        path.name: len(gzip.compress(path.read_bytes()))
        for path in (*(Path(bundle) / name for name in names), *(engine / name for name in ENGINE))
    }
    options = [
        "--bundle",
        "--minify",
        "--format=esm",
        "--conditions=onnxruntime-web-use-extern-wasm",
    ]
    script = subprocess.run(
        ["npx", "esbuild", "dist/index.js", *options], check=True, cwd=WEB, capture_output=True
    ).stdout
    sizes["script"] = len(gzip.compress(script))
    return {**sizes, "sum": sum(sizes.values())}


def _node(program: str, *arguments: str) -> str:
    command = ["node", f"build/tests/programs/{program}.js", *arguments]
    return subprocess.run(command, check=True, cwd=WEB, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
