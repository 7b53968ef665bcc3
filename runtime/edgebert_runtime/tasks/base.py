"""What the models of all tasks share: an open bundle, micro-batches, reports."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import (
    BundleError,
    EngineMemoryError,
    InputError,
    ModelClosedError,
    SmallerBatchWarning,
    TruncationWarning,
)
from edgebert_runtime.inference.async_calls import cancel_token, raise_if_cancelled
from edgebert_runtime.inference.batching import chunks, micro_batches
from edgebert_runtime.inference.call import CHUNK_TEXTS, Call, listed
from edgebert_runtime.inference.reports import ModelInfo, RunReport
from edgebert_runtime.inference.thread_pool import run_side_by_side
from edgebert_runtime.storage.cache_dir import CacheDir
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.sliding_window import WINDOWS_AT_ONCE, Long
from edgebert_runtime.tokenization.tokenizer import Item, TextTokenizer, check_item

Given = TypeVar("Given")
Answer = TypeVar("Answer")
Encoded = TypeVar("Encoded", bound=EncodedText)
Answers = TypeVar("Answers")

Floats = NDArray[np.float32]
Feeds = dict[str, NDArray[np.int64]]

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""What a text becomes; a graph takes those of them that it names."""

MICRO_BATCH_TOKENS: Final = 512
"""Padded tokens a micro-batch may hold where nothing was measured, docs/decisions/0005."""

WARM_UP: Final = ((1, 8), (1, 16), (1, 32))
"""Shapes of a few words, a question and a sentence."""

SPLIT_FROM: Final = 2
"""Micro-batches a thread at which they go side by side: fewer would leave threads idle."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model runs many texts.

    Attributes:
        micro_batch_tokens: padded tokens that run at once at most; None is `MICRO_BATCH_TOKENS`.
        session: that many micro-batches run in; None takes the session that few run in.
        workers: how many of them run side by side there.
        narrow: of one thread, for few while others run, too; None takes the session that few run
            in.
    """

    micro_batch_tokens: int | None = None
    session: Session | None = None
    workers: int = 1
    narrow: Session | None = None


class TaskModel:
    """Base of the models `load` makes.

    Attributes:
        OUTPUTS: what the graph must offer, by name.
        RUN: those of them that a usual call takes; none for all.

    Raises:
        BundleError: the graph lacks an output of the task, or wants an input no tokenizer makes.
    """

    OUTPUTS: ClassVar[tuple[str, ...]] = ("logits",)
    RUN: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        bundle: Bundle,
        variant: str,
        session: Session,
        tokenizer: TextTokenizer,
        verified: str,
        *,
        cache_dir: CacheDir = None,
        plan: "Plan | None" = None,
    ) -> None:
        self._bundle = bundle
        self._variant = variant
        self._session = session
        self._opened_tokenizer: TextTokenizer | None = tokenizer
        self._verified = verified
        self._cache_dir = cache_dir
        self._plan = plan or Plan()
        self._fitting = sys.maxsize
        self._last_call: Call | None = None
        strange = [name for name in self._session.inputs if name not in INPUTS]
        if strange:
            raise BundleError(
                f"{self._bundle.folder} has a graph that wants {', '.join(strange)}; a tokenizer "
                f"makes {', '.join(INPUTS)}"
            )
        missing = [name for name in self.OUTPUTS if name not in self._session.outputs]
        if missing:
            raise BundleError(
                f"{self._bundle.folder} has task {self._bundle.manifest.task!r} and a graph "
                f"without output {', '.join(missing)}; it has {', '.join(self._session.outputs)}"
            )
        self._prepare()

    def _prepare(self) -> None:
        """Check what the task needs of the manifest, and keep it.

        Raises:
            BundleError: the manifest does not fit the task.
        """

    def info(self) -> ModelInfo:
        """What is running, for logs and bug reports."""
        manifest = self._bundle.manifest
        variant = manifest.variants[self._variant]
        opened = (*variant.files, manifest.tokenizer.file)
        return ModelInfo(
            bundle=str(self._bundle.folder),
            task=manifest.task,
            variant=self._variant,
            precision=variant.precision,
            target=variant.target,
            provider=self._session.provider,
            provider_options=dict(self._session.provider_options),
            threads=self._session.threads,
            warm=self._session.optimized,
            micro_batch_tokens=self._budget,
            workers=self._plan.workers,
            worker_threads=(self._plan.session or self._session).threads,
            max_length=manifest.tokenizer.max_length,
            dimensions=manifest.embedding.dimensions if manifest.embedding else None,
            batch_invariant=variant.batch_invariant,
            sha256={path: manifest.files[path].sha256 for path in opened},
            verified=self._verified,
        )

    def warm_up(self, shapes: Sequence[tuple[int, int]] = WARM_UP) -> None:
        """Run the graph on padding, so that the first call waits for nothing that is done once.

        On a GPU the first run of a process loads kernels, and with `enable_cuda_graph` the first
        of a shape is captured.

        Args:
            shapes: batch and length in tokens of each run, at most `info().max_length` tokens.

        Raises:
            InputError: a batch or a length below 1, or a length above the limit.
            EngineError, ModelClosedError: as every call.
        """
        limit = self._tokenizer.limit
        for batch, length in shapes:
            if batch < 1 or not 1 <= length <= limit:
                raise InputError(
                    f"warm_up takes batches of at least 1 and 1 to {limit} tokens, got "
                    f"{batch} and {length}"
                )
            ids = np.full((batch, length), self._bundle.manifest.tokenizer.pad_id, dtype=np.int64)
            feeds = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0}
            for session in filter(None, (self._session, self._plan.session, self._plan.narrow)):
                self._run(self.RUN or self.OUTPUTS, feeds, session)

    def close(self) -> None:
        """Give the memory back; using the model afterwards is a `ModelClosedError`."""
        self._session.close()
        for session in (self._plan.session, self._plan.narrow):
            if session:
                session.close()
        self._opened_tokenizer = None

    @property
    def _budget(self) -> int:
        usual = PROVIDERS[self._session.provider].micro_batch_tokens or MICRO_BATCH_TOKENS
        return min(self._plan.micro_batch_tokens or usual, self._fitting)

    @property
    def _tokenizer(self) -> TextTokenizer:
        if self._opened_tokenizer is None:
            raise ModelClosedError("this model is closed; load it again")
        return self._opened_tokenizer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by path: whoever unpickles it loads the bundle anew."""
        from edgebert_runtime.loading.load import reload

        session = self._session
        how = {
            "provider_options": session.provider_options,
            "threads": session.asked_threads,
            "share_threads": session.shared,
            "verify": self._verified,
            "cache_dir": self._cache_dir,
        }
        folder = os.path.abspath(self._bundle.folder)
        return reload, (folder, self._variant, session.provider, how)

    @property
    def last_report(self) -> RunReport | None:
        """What the last call did, or a stream has done so far; None before the first."""
        return self._last_call.report() if self._last_call else None

    @property
    def session(self) -> Session:
        """The open graph, for benchmarks that feed it ids."""
        return self._session

    def _require_head(self, *activations: str) -> HeadInfo:
        """The manifest's head, with one of the activations that make sense for the task."""
        head = self._bundle.manifest.head
        if head is None or head.activation not in activations:
            found = "no head" if head is None else f"activation {head.activation!r}"
            raise BundleError(
                f"{self._bundle.folder} has task {self._bundle.manifest.task!r} and {found}, "
                f"expected a head with activation {' or '.join(activations)}; export it again"
            )
        return head

    def _require_labels(self) -> None:
        """Refuse a manifest that names more or fewer labels than the graph has logits."""
        head, outputs = self._bundle.manifest.head, self._bundle.manifest.outputs
        labels = len(head.labels) if head else 0
        sizes = [output.shape[-1] for output in outputs if output.name in self.OUTPUTS]
        if labels == 0 or any(size != labels for size in sizes if isinstance(size, int)):
            raise BundleError(
                f"{self._bundle.folder} names {labels} labels for logits of {sizes}; export it "
                "again"
            )

    def count_tokens(self, texts: Sequence[Item]) -> list[int]:
        """How many tokens each text has for this model, before anything is cut.

        Args:
            texts: strings or pairs of them, prompts not included.

        Returns:
            Tokens of each, special tokens included; what exceeds `info().max_length` would be cut.

        Raises:
            InputError: `texts` is one string, or an item is not text.
        """
        return self._tokenizer.count(listed("count_tokens", texts))

    def _chunked(
        self, items: Iterable[Given], answer: "Callable[[list[Given], Call], Answers]", call: Call
    ) -> "Iterator[Answers]":
        """Answers of each chunk of the items, in order; `last_report` says how far it is."""
        for chunk in chunks(items, CHUNK_TEXTS):
            found = answer(chunk, call)
            call.texts += len(chunk)
            self._last_call = call
            yield found

    def _each(
        self,
        method: str,
        items: Any,
        answer: "Callable[[list[Any], Call], Sequence[Answer]]",
        call: Call,
    ) -> "list[Answer] | Iterator[Answer]":
        """One answer an item: a list for a list, and for an iterator an iterator."""
        if isinstance(items, Iterator):
            return self._stream(items, answer, call)
        chunk_answers = self._chunked(self._checked(method, items), answer, call)
        found = [each for answers in chunk_answers for each in answers]
        self._finish(call, stacklevel=4)
        return found

    def _stream(
        self,
        items: Iterator[Any],
        answer: "Callable[[list[Any], Call], Iterable[Answer]]",
        call: Call,
    ) -> "Iterator[Answer]":
        warned = False
        for answers in self._chunked(items, answer, call):
            warned = warned or self._warn_if_truncated(stacklevel=3)
            yield from answers

    def _checked(self, method: str, items: Any) -> list[Any]:
        """The items of a list; of a long one all are looked at before the first is run."""
        found = listed(method, items)
        if len(found) > CHUNK_TEXTS:
            for index, item in enumerate(found):
                check_item(f"item {index}", item)
        return found

    def _rows(
        self, items: Sequence[Item], call: Call, prefix: str = ""
    ) -> tuple[list[EncodedText], list[int]]:
        """What the graph is to be given, and for each row the number of its item."""
        encoded = self._tokenizer.encode(items, call.texts, prefix)
        if call.long != "window":
            call.check_lengths(encoded)
            return encoded, list(range(len(encoded)))
        rows: list[EncodedText] = []
        owners: list[int] = []
        for owner, (item, text) in enumerate(zip(items, encoded, strict=True)):
            whole = prefix + item if isinstance(item, str) else item
            fits = text.tokens <= call.limit
            parts = [text] if fits else list(self._tokenizer.windows(whole, call.stride))
            rows += parts
            owners += [owner] * len(parts)
        return rows, owners

    def _each_batch(
        self,
        rows: Sequence[EncodedText],
        call: Call,
        work: Callable[[Session, list[int], Feeds], None],
    ) -> None:
        """Give `work` every micro-batch, its indices and padded arrays, and a session to run it.

        Many go side by side where that was measured to be faster, few one after the other; on one
        thread while others run, too: threads that share a micro-batch wait for each other.
        """
        lengths = [len(row.input_ids) for row in rows]
        batches = list(micro_batches(lengths, self._budget))
        apart = self._plan.session
        many = len(batches) >= SPLIT_FROM * self._session.threads
        session, workers = self._session, 1
        if apart and many:
            session, workers = apart, self._plan.workers
        elif self._plan.narrow and session.traffic.dense:
            session = self._plan.narrow
        gone = cancel_token()
        multiple = PROVIDERS[session.provider].length_multiple
        sizes: list[int] = []

        def one(indices: list[int]) -> None:
            raise_if_cancelled(gone)
            feeds = self._tokenizer.pad([rows[index] for index in indices], multiple)
            try:
                work(session, indices, feeds)
                sizes.append(feeds["input_ids"].size)
            except EngineMemoryError as error:
                for half in self._halves(indices, feeds, error):
                    one(half)

        caller = session.traffic.begin()
        try:
            run_side_by_side(batches, one, workers)
        finally:
            session.traffic.end(caller)
        call.ran(rows, sum(sizes), len(sizes))

    def _halves(
        self, indices: list[int], feeds: Feeds, error: EngineMemoryError
    ) -> tuple[list[int], list[int]]:
        """What is left to try where a micro-batch does not fit into memory; says so once.

        Raises:
            EngineMemoryError: it is one text.
        """
        if len(indices) == 1:
            raise error
        if self._fitting == sys.maxsize:
            warnings.warn(
                f"a micro-batch of {feeds['input_ids'].size} tokens does not fit into memory; it "
                f"and later ones are run in halves: {error}",
                SmallerBatchWarning,
                stacklevel=2,
            )
        self._fitting = min(self._fitting, max(1, feeds["input_ids"].size // 2))
        middle = len(indices) // 2
        return indices[:middle], indices[middle:]

    def _run(self, outputs: Sequence[str], feeds: Feeds, session: Session) -> list[Floats]:
        """One micro-batch, with the inputs the graph has."""
        return session.run(outputs, {name: feeds[name] for name in session.inputs})

    def _run_all(self, rows: Sequence[EncodedText], call: Call) -> list[tuple[Floats, ...]]:
        """Run every row; for each its part of every output, padding included."""
        found: list[tuple[Floats, ...]] = [()] * len(rows)

        def work(session: Session, indices: list[int], feeds: Feeds) -> None:
            outputs = self._run(self.OUTPUTS, feeds, session)
            for row, index in enumerate(indices):
                found[index] = tuple(output[row] for output in outputs)

        self._each_batch(rows, call, work)
        return found

    def _run_windows(
        self, windows: Iterable[Encoded], call: Call
    ) -> Iterator[tuple[Encoded, tuple[Floats, ...]]]:
        """Each window with its part of every output; few are held at a time."""
        for several in chunks(windows, WINDOWS_AT_ONCE):
            yield from zip(several, self._run_all(several, call), strict=True)

    def _run_one(self, encoded: Sequence[EncodedText], call: Call) -> list[tuple[Floats, ...]]:
        """Run what is one item to the caller, and say what was done."""
        found = self._run_all(encoded, call)
        call.texts += 1
        self._finish(call, stacklevel=4)
        return found

    def _call(
        self, long: Long = "truncate", stride: int | None = None, *, windows: bool = True
    ) -> Call:
        return Call(self._tokenizer.limit, long, stride, windows=windows)

    def _finish(self, call: Call, stacklevel: int) -> None:
        """Keep the report; the level is that of the public method's caller, seen from here."""
        self._last_call = call
        self._warn_if_truncated(stacklevel + 1)

    def _warn_if_truncated(self, stacklevel: int) -> bool:
        report = self.last_report
        cut = report.truncated if report else ()
        if report and cut:
            longest = max(cut, key=lambda text: text.tokens)
            warnings.warn(
                f"{len(cut)} of {report.texts} texts were cut to {longest.limit} tokens (the "
                f"longest, number {longest.index}, has "
                f"{longest.tokens}); see last_report.truncated",
                TruncationWarning,
                stacklevel=stacklevel,
            )
        return bool(cut)
