"""Quantize an ONNX encoder from another exporter, by its structure and not by its names."""

import tempfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from edgebert_quantize.calibration.text_split import Feeder, read_text_split
from edgebert_quantize.evaluation.quality import Quality, compare, graph_runner
from edgebert_quantize.evaluation.runnable_equivalent import runnable_equivalent
from edgebert_quantize.evaluation.speed import require_speedup
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, CpuName, choose_cpu
from edgebert_quantize.graph.cleanup import simplify
from edgebert_quantize.recipes import Recipe, RecipeName, find_recipe
from edgebert_quantize.rewrite.model_inputs import find_inputs, try_lengths
from edgebert_quantize.rewrite.rewrite import Output, rewrite_graph
from edgebert_quantize.similarity import Comparison, SimilarityMetric
from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import ConfigError, TokenizerError
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.atomic_write import put_file
from edgebert_runtime.storage.work_dirs import hidden_prefix

FEWEST_DIMENSIONS: Final = 16
"""Outputs of fewer dimensions are scores, others are vectors."""

PADDING: Final = ("[PAD]", "<pad>")


def quantize_file(
    source: str | PathLike[str],
    out: str | PathLike[str],
    recipe: RecipeName = "int8",
    *,
    tokenizer: str | PathLike[str] | None = None,
    cpu: CpuName | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    overwrite: bool = False,
    force: bool = False,
    progress: ProgressOption = None,
) -> Quality:
    """Quantize an fp32 graph, keeping its names and outputs; `out` is written whole or not at all.

    Args:
        source: the graph, with dynamic batch and sequence; external data in the same folder.
        out: the quantized graph, a single file.
        recipe: a name in `RECIPES`.
        tokenizer: `tokenizer.json` or its folder; None looks in the folder of `source` and its
            parent.
        cpu: the class to quantize for, as in `quantize_bundle`.
        texts: as in `quantize_bundle`.
        column: as in `quantize_bundle`.
        overwrite: replace `out` if it exists.
        force: as in `quantize_bundle`.
        progress: as in `quantize_bundle`.

    Returns:
        Similarity of its outputs to those of `source`.

    Raises:
        ConfigError: unknown recipe or class of CPU, or `out` exists or is `source`.
        ExportError: `source` is not an ONNX graph, not a text encoder, quantized already, or has
            fixed shapes.
        UnsafePathError: its external data is outside its folder.
        TokenizerError: there is no tokenizer, or it has more tokens than the graph.
        InputError: the file of texts cannot be used.
        QualityError: the result is below the recipe's threshold; nothing is written.
        SpeedError: the recipe is meant to be faster than fp32 and is slower on this machine;
            nothing is written.
    """
    source, out = Path(source), Path(out)
    chosen, cpu = find_recipe(recipe), choose_cpu(cpu)
    _check_out(source, out, overwrite=overwrite)
    split = read_text_split(texts, column)
    tokens = _find_tokenizer(source, tokenizer)
    opened = _open_tokenizer(tokens)
    hidden = hidden_prefix(out)
    with (
        steps(progress) as tell,
        tempfile.TemporaryDirectory(dir=out.parent, prefix=hidden) as scratch,
    ):
        plain, candidate = Path(scratch) / "plain.onnx", Path(scratch) / "candidate.onnx"
        tell(f"simplifying {source}")
        simplify(source, plain, standard_operators_only=_standard_operators_only(chosen))
        inputs = find_inputs(plain, source, opened.get_vocab_size())
        limit, widths = try_lengths(plain, source, inputs)
        comparison = _comparison(widths)
        feeder = Feeder(tokens, _tokenizer_info(opened, limit), inputs.complete)
        tell(f"quantizing by recipe {recipe}")
        rewrite_graph(
            plain,
            [Output(candidate)],
            chosen,
            lambda: feeder.calibration(split),
            LARGEST_WEIGHT[cpu],
            source,
        )
        tell("measuring its quality against fp32")
        quality = compare(
            comparison,
            graph_runner(runnable_equivalent(candidate, plain, chosen), comparison.outputs),
            graph_runner(plain, comparison.outputs),
            feeder,
            split.quality,
            threshold=chosen.threshold(comparison.metric, None),
            data=split.source,
        )
        quality.require()
        if not force:
            feeds = feeder.long(split.quality)
            require_speedup(candidate, plain, chosen, cpu, feeds, tell)
        put_file(candidate, out)
    return quality


def _standard_operators_only(recipe: Recipe) -> bool:
    return recipe.half is not None or (
        recipe.linears is not None and recipe.linears.standard_operators_only
    )


def _check_out(source: Path, out: Path, *, overwrite: bool) -> None:
    if not source.is_file():
        raise ConfigError(f"{source} is not a file; expected an ONNX graph")
    if not out.parent.is_dir():
        raise ConfigError(f"{out.parent} is not a folder; create it first")
    if out.exists() and (out.samefile(source) or not overwrite):
        raise ConfigError(f"{out} exists; choose another name, or pass overwrite (--overwrite)")


def _find_tokenizer(source: Path, given: str | PathLike[str] | None) -> Path:
    folder = source.absolute().parent
    folders = [folder, folder.parent] if given is None else [Path(given)]
    candidates = [folder if folder.is_file() else folder / "tokenizer.json" for folder in folders]
    for path in candidates:
        if path.is_file():
            return path
    raise TokenizerError(
        f"there is no {' nor '.join(map(str, candidates))}; name the graph's tokenizer.json with "
        "tokenizer (--tokenizer)"
    )


def _open_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises bare Exception
        raise TokenizerError(f"{path} cannot be read: {error}") from error


def _tokenizer_info(tokenizer: Tokenizer, limit: int) -> TokenizerInfo:
    padding = tokenizer.padding or {}
    known = (token for token in PADDING if tokenizer.token_to_id(token) is not None)
    token = str(padding.get("pad_token") or next(known, ""))
    return TokenizerInfo(
        file="tokenizer.json",
        max_length=limit,
        max_positions=limit,
        padding_side="right",
        pad_id=tokenizer.token_to_id(token) or 0,
        pad_token=token,
        pad_type_id=0,
        special_tokens={},
    )


def _comparison(widths: Mapping[str, int]) -> Comparison:
    """Compare outputs that are vectors by their cosine; if none is, all as scores or as values."""
    vectors = tuple(name for name, width in widths.items() if width >= FEWEST_DIMENSIONS)
    if vectors:
        return Comparison(metric=SimilarityMetric.COSINE, outputs=vectors)
    values = all(width == 1 for width in widths.values())
    metric = SimilarityMetric.VALUES if values else SimilarityMetric.SCORES
    return Comparison(metric=metric, outputs=tuple(widths))
