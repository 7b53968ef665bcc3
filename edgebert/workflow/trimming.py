"""One call from a checkpoint to one with a smaller vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

from edgebert.checkpoints import Checkpoint, read_checkpoint
from edgebert.checkpoints.rewriting import parts_of
from edgebert.checkpoints.saving import check_free, save_checkpoint
from edgebert.checkpoints.tasks import AUTO
from edgebert.compression.vocabulary.scripts import is_written_in, scripts_of
from edgebert.compression.vocabulary.trimming import trim_checkpoint
from edgebert.tasks.registry import checkpoint_tasks
from edgebert_quantize.calibration.readers import read_texts
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.progress import ProgressOption, steps


@dataclass(frozen=True, kw_only=True, repr=False)
class TrimReport(Report):
    """A vocabulary that was trimmed.

    Attributes:
        out: the folder written.
        rows_before: of the table of token vectors.
        rows_after: likewise, in the folder written.
        megabytes_saved: of float32 weights, 10⁶ bytes each.
        texts: of the corpus; 0 without one.
        identical: whether every text of the corpus was proved to keep its tokens; they do unless a
            limit or languages leave some out.
        tokens_ratio: tokens of the corpus after over before; None without one.
        unknown_before: tokens of the corpus that were unknown; None without one.
        unknown_after: likewise, with the smaller vocabulary.
    """

    out: Path
    rows_before: int
    rows_after: int
    megabytes_saved: float
    texts: int
    identical: bool
    tokens_ratio: float | None
    unknown_before: int | None
    unknown_after: int | None


def trim(
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    languages: Sequence[str] = (),
    keep: int | None = None,
    task: str = AUTO,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> TrimReport:
    """Write a checkpoint without the tokens that a corpus or some languages do not need.

    Ids are renumbered without gaps; the rows of the token table go, and those of a head for masked
    tokens. With `texts` alone every text of the corpus is proved to keep its tokens. Other texts
    are cut into smaller tokens. Single characters stay, so that they have no more unknown tokens;
    with `languages`, characters of other scripts become unknown.

    Args:
        source: folder or Hub id of the checkpoint.
        out: the folder to write; must not exist unless `overwrite`.
        texts: a file with the corpus, .txt, .csv, .jsonl or .parquet.
        column: of that file; None takes `text`, or the only column of a CSV file.
        languages: codes such as `de` or `zh-Hant`; tokens with letters of other scripts go.
        keep: tokens to keep at most: those that the corpus makes most often; without a corpus,
            those with the lowest ids.
        task: what the checkpoint is for, as `export` takes it; its head is kept, others are not.
        overwrite: replace a checkpoint at `out`, once the new one is complete.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Raises:
        ConfigError: nothing says what to keep, `keep` has no room for what any text may need,
            nothing would go, a language is not known, or something is at `out`.
        InputError: the file cannot be read, or has no texts.
        CheckpointError, TokenizerError: the checkpoint cannot be read, or its vocabulary is of a
            kind that is not trimmed.
    """
    if texts is None and not languages and keep is None:
        raise ConfigError(
            "nothing says which tokens to keep; give texts (--texts), languages (--languages) or "
            "keep (--keep)"
        )
    destination = Path(out)
    with steps(progress) as tell:
        check_free(destination, overwrite=overwrite)
        corpus = None if texts is None else _corpus(Path(texts), column)
        checkpoint = read_checkpoint(source, tasks=checkpoint_tasks(), task=task)
        for note in checkpoint.notes:
            tell(note)
        tell(f"choosing among {checkpoint.config.vocabulary:,} tokens")
        allowed = partial(is_written_in, scripts=scripts_of(languages)) if languages else None
        trimmed = trim_checkpoint(checkpoint, corpus, allowed, keep)
        report = TrimReport(
            out=destination,
            rows_before=checkpoint.config.vocabulary,
            rows_after=trimmed.checkpoint.config.vocabulary,
            megabytes_saved=_megabytes(checkpoint) - _megabytes(trimmed.checkpoint),
            texts=len(corpus or ()),
            identical=corpus is not None and keep is None and not languages,
            tokens_ratio=trimmed.ratio,
            unknown_before=trimmed.unknown_before,
            unknown_after=trimmed.unknown_after,
        )
        details = {
            "rows": [report.rows_before, report.rows_after],
            "texts": report.texts,
            "languages": list(languages),
            "keep": keep,
        }
        parts = parts_of(trimmed.checkpoint, "trimmed", details)
        save_checkpoint(destination, parts, overwrite=overwrite)
    return report


def _corpus(path: Path, column: str | None) -> list[str]:
    texts = read_texts(path, column)
    if not texts:
        raise InputError(f"{path} has no texts; give a file with the texts of the application")
    return texts


def _megabytes(checkpoint: Checkpoint) -> float:
    """Weights of encoder and head, without those of a tied map."""
    modules = (checkpoint.encoder, *(() if checkpoint.head is None else (checkpoint.head,)))
    stored = (each for module in modules for each in module.state_dict().values())
    sizes: list[int] = [each.nbytes for each in stored if not each.is_meta]
    return sum(sizes) / 1e6
