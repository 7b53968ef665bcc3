"""Encoder latency beside optimum's: `python -m benchmarks.encoder_latency [--model bert-base]`.

Graphs of both sides run in ONNX Runtime of the same environment, each contender in its own
process, in turn. Answers are checked against our fp32 before anything is timed.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

import safetensors.torch
import torch

import edgebert
from benchmarks.environments import interpreter
from benchmarks.machine import describe
from benchmarks.pairing import in_turn, output_of, ratio
from edgebert.checkpoints import bert
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from edgebert_runtime.errors import BundleError
from edgebert_runtime.threads import usable_cores
from examples.minilm import CACHE, minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "encoder_latency.jsonl"
SHAPES: Final = ("1x8", "1x32", "1x128", "1x512", "8x128")
FLOORS: Final = {"fp32": 0.99999, "int8": 0.8}
"""Cosine of all token vectors to our fp32's on random ids, where optimum's int8 reaches 0.85."""

BERT_BASE: Final = EncoderConfig(
    vocabulary=30522,
    hidden=768,
    layers=12,
    heads=12,
    intermediate=3072,
    positions=512,
    token_types=2,
    activation=Activation.GELU,
    layer_norm_epsilon=1e-12,
    padding_id=0,
    hidden_dropout=0.1,
    attention_dropout=0.1,
    initializer_range=0.02,
    pooler=True,
)


def main() -> None:
    options = _options()
    source = minilm_folder() if options.model == "minilm" else _bert_base()
    ours, theirs = our_bundle(source, options.model), _optimum(source, options.model)
    files = {
        ("fp32", "edgebert"): ours / "onnx" / "model_cpu.onnx",
        ("fp32", "optimum"): theirs / "model.onnx",
        ("int8", "edgebert"): ours / "onnx" / "model_quantized.onnx",
        ("int8", "optimum avx512_vnni"): theirs / "model_quantized.onnx",
    }
    reference = str(CACHE / "benchmarks" / f"{options.model}-reference")
    _time(files["fp32", "edgebert"], f"write:{reference}", 0)
    contenders = {
        key: (lambda key=key: _time(files[key], reference, FLOORS[key[0]])) for key in files
    }
    results = in_turn(contenders, options.rounds)
    _report(options.model, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["minilm", "bert-base"], default="minilm")
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _time(file: Path, reference: str, floor: float) -> dict[str, list[int]]:
    arguments = [str(file), str(usable_cores()), ",".join(SHAPES), reference, str(floor)]
    found: dict[str, list[int]] = json.loads(
        output_of([sys.executable, str(HERE / "worker.py"), *arguments])
    )
    return found


def _report(model: str, results: dict[tuple[str, str], list[dict[str, list[int]]]]) -> None:
    record: dict[str, Any] = {"benchmark": "encoder_latency", "model": model, "machine": describe()}
    record["weights"] = (
        "real" if model == "minilm" else "random; dense speed does not depend on them"
    )
    record["rows"] = []
    print(f"{model}, ms: ours, peer, ours over peer (quartiles over rounds)")
    for (precision, name), peer in results.items():
        if name == "edgebert":
            continue
        mine = results[precision, "edgebert"]
        for shape in SHAPES:
            a = [median(round_[shape]) / 1e6 for round_ in mine]
            b = [median(round_[shape]) / 1e6 for round_ in peer]
            compared = ratio(a, b)
            record["rows"].append(
                {
                    "precision": precision,
                    "peer": name,
                    "shape": shape,
                    "ours_ms": a,
                    "peer_ms": b,
                    "ratio": [compared.low, compared.median, compared.high],
                }
            )
            print(
                f"  {precision} {shape:>6}  {median(a):8.2f} {median(b):8.2f}  {compared}  {name}"
            )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def our_bundle(source: Path, model: str) -> Path:
    folder = CACHE / "benchmarks" / model
    try:
        if "int8" in Bundle.open(folder).manifest.variants:
            return folder
    except BundleError:
        pass
    bundle = edgebert.export(source, folder, overwrite=True)
    return edgebert.quantize(bundle).folder


def _optimum(source: Path, model: str) -> Path:
    folder = CACHE / "benchmarks" / f"{model}-optimum"
    if not (folder / "model_quantized.onnx").exists():
        script = HERE / "peers" / "optimum_export.py"
        output_of([str(interpreter("peers")), str(script), str(source), str(folder)])
    return folder


def _bert_base() -> Path:
    """A BERT-base folder with random weights and MiniLM's tokenizer."""
    folder = CACHE / "benchmarks" / "bert-base-source"
    if not (folder / "model.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            (folder / name).write_bytes((minilm_folder() / name).read_bytes())
        config = json.dumps(bert.config_to_hf(BERT_BASE))
        (folder / "config.json").write_text(config, encoding="utf-8")
        torch.manual_seed(0)
        state = bert.state_to_hf(Encoder(BERT_BASE).state_dict(), BERT_BASE)
        safetensors.torch.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


if __name__ == "__main__":
    main()
