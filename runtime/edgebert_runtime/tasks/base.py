"""What the models of all tasks share: three steps from items to answers."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import InputError, TruncationWarning
from edgebert_runtime.inference.arrays import Feeds, Floats, Outputs
from edgebert_runtime.inference.batching import chunks
from edgebert_runtime.inference.call import CHUNK_TEXTS, Call, listed
from edgebert_runtime.inference.output_checks import require_finite
from edgebert_runtime.progress import Meter, ProgressOption, view_of
from edgebert_runtime.tasks.explainable import Explainable
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText
from edgebert_runtime.tokenization.items import check_item
from edgebert_runtime.tokenization.sliding_window import WINDOWS_AT_ONCE

Options = TypeVar("Options", bound=TaskOptions)

RowOutputs = tuple[EncodedText, Outputs]
"""A row that was run, and its part of every output."""


class Flat(NamedTuple):
    """The rows of several items, one after the other; for graphs of one output.

    Attributes:
        owners: number of each row's item.
        weights: tokens of each row.
        outputs: of each row.
    """

    owners: list[int]
    weights: list[int]
    outputs: list[Floats]


def flatten(ran: Iterable[Iterable[RowOutputs]]) -> Flat:
    """What `TaskModel.run` returns, as columns."""
    flat = Flat([], [], [])
    for owner, rows in enumerate(ran):
        for row, (output,) in rows:
            flat.owners.append(owner)
            flat.weights.append(len(row.input_ids))
            flat.outputs.append(output)
    return flat


class TaskModel(Explainable, Generic[Options]):
    """Base of the models `load` makes.

    Every answer is made in three steps: `encode` turns items into rows of token ids, `run` gives
    the rows to the graph, `decode` makes answers of what comes out. `predict` does all three, and
    so does the method that a task has for it, such as `Classifier.classify`.

    Attributes:
        OPTIONS: arguments of the task's method.
        PAIRS: whether an item may be a pair of texts.
        CHUNK_ITEMS: how many items go through the three steps together.
        WINDOWS_AT_ONCE: how many rows of a streamed item are held together.
    """

    OPTIONS: ClassVar[type[TaskOptions]] = TaskOptions
    PAIRS: ClassVar[bool] = True
    CHUNK_ITEMS: ClassVar[int] = CHUNK_TEXTS
    WINDOWS_AT_ONCE: ClassVar[int] = WINDOWS_AT_ONCE

    def check_options(self, options: Options) -> None:
        """Refuse options that this model has no use for.

        Raises:
            ConfigError, InputError: it has none.
        """

    def encode(
        self, items: Sequence[Any], options: Options | None = None, *, first: int = 0
    ) -> list[EncodedItem]:
        """Items to rows of token ids, the first of the three steps.

        Args:
            items: texts, or pairs of them, as the task takes them.
            options: arguments of the task's method; None for the usual.
            first: number of the first item among the caller's, for errors.

        Raises:
            InputError: an item is not what the task takes, or is too long and `long` is `error`.
            ConfigError: a stride that a window has no room for.
        """
        chosen = self._chosen(options)
        if not self.PAIRS:
            for at, item in enumerate(items):
                self._check_item(first + at, item)
        encoded = self._tokenizer.encode(items, first, self._prefix(chosen))
        return [
            self._encoded(first + at, item, text, chosen)
            for at, (item, text) in enumerate(zip(items, encoded, strict=True))
        ]

    def run(
        self,
        encoded: Sequence[EncodedItem],
        options: Options | None = None,
        *,
        session: Session | None = None,
        call: Call | None = None,
        finite: bool = True,
    ) -> list[Iterable[RowOutputs]]:
        """Rows to raw outputs, the second of the three steps.

        Args:
            encoded: of `encode`, also of several calls.
            options: arguments of the task's method; None for the usual.
            session: the graph to run, a session on the same file; None takes the model's own.
            call: counts what is run.
            finite: whether NaN and infinity are refused; False for who measures what a graph does.

        Returns:
            For each item its rows with their outputs; they are run as they are taken where the
            rows of an item are streamed.

        Raises:
            EngineError, ModelClosedError: as `Session.run`; `EngineError`, too, where outputs are
                not of the shape that the manifest says, or not finite. It has the item's number.
        """
        chosen, first = self._chosen(options), 0 if call is None else call.texts
        rows = [row for each in encoded if not each.streamed for row in each.rows]
        watch = None if call is None else call.part_ran

        def owner(row: int) -> int:
            owners = (at for at, each in enumerate(encoded) if not each.streamed for _ in each.rows)
            return first + next(islice(owners, row, None))

        checked = owner if finite else None
        outputs = iter(self._run_rows(rows, chosen, session, call, watch, owner=checked))
        return [
            self._run_streamed(first + at, each.rows, chosen, session, call, finite=finite)
            if each.streamed
            else [(row, next(outputs)) for row in each.rows]
            for at, each in enumerate(encoded)
        ]

    def run_rows(
        self,
        rows: Sequence[EncodedText],
        options: Options | None = None,
        *,
        session: Session,
        items: Sequence[int],
    ) -> list[Outputs]:
        """Run rows of any items, for who puts micro-batches together itself.

        Args:
            rows: of items that `encode` gave with equal options.
            options: arguments of the task's method; None for the usual.
            session: the graph to run, a session on the same file.
            items: number of each row's item, for errors.

        Returns:
            Of each row its part of every output, as `run` has it.

        Raises:
            EngineError, ModelClosedError: as `run`.
        """
        return self._run_rows(rows, self._chosen(options), session, None, owner=items.__getitem__)

    def decode(
        self,
        encoded: Sequence[EncodedItem],
        ran: Sequence[Iterable[RowOutputs]],
        options: Options | None = None,
    ) -> Any:
        """Raw outputs to answers, the last of the three steps.

        Args:
            encoded: of `encode`.
            ran: of `run`, an entry for each of them.
            options: arguments of the task's method; None for the usual.

        Returns:
            An answer for each item.
        """
        chosen = self._chosen(options)
        return [
            self._decode_item(item, rows, chosen) for item, rows in zip(encoded, ran, strict=True)
        ]

    def predict(
        self,
        items: Iterable[Any],
        options: Options | None = None,
        *,
        progress: ProgressOption = None,
    ) -> Any:
        """The answers to items, by the three steps; the same for every task.

        Args:
            items: a list, a column, or an iterator, which is read as far as answers are taken.
            options: arguments of the task's method; None for the usual.
            progress: who sees how far a long call is. None: a bar if standard error is a terminal
                and the call takes seconds. True: elsewhere a line a minute, too. False: no output.
                A function is called with lines of text that have `done` and `total`.

        Returns:
            A list of one answer an item (`embed`: an array of vectors); an iterator for an
            iterator.

        Raises:
            InputError, ConfigError, EngineError, ModelClosedError: as the task's method.
        """
        return self._predict("predict", items, self._chosen(options), progress)

    def _chosen(self, options: Options | None) -> Any:
        return self.OPTIONS() if options is None else options

    def _prefix(self, options: Options) -> str:
        """What is put before each text."""
        del options
        return ""

    def _encoded(self, index: int, item: Any, text: EncodedText, options: Options) -> EncodedItem:
        """An item as one row, or as windows where that is asked for and it is too long."""
        if text.tokens <= self._tokenizer.limit:
            return EncodedItem(item, [text])
        if options.long == "window":
            whole = self._prefix(options) + item if isinstance(item, str) else item
            return EncodedItem(item, list(self._tokenizer.windows(whole, options.stride)))
        return EncodedItem(item, [text], self._cut_from(index, text.tokens, options))

    def _cut_from(self, index: int, tokens: int, options: Options) -> int | None:
        """The length of what does not fit into the limit, None for what does.

        Raises:
            InputError: it does not, and `long` is `error`.
        """
        limit = self._tokenizer.limit
        if tokens <= limit:
            return None
        if options.long == "error":
            found = f"item {index} has {tokens} tokens, the limit is {limit}; shorten it, or"
            raise InputError(f"{found} pass long='truncate'", shell=f"{found} use --long truncate")
        return tokens

    def _run_rows(
        self,
        rows: Sequence[EncodedText],
        options: Options,
        session: Session | None,
        call: Call | None,
        watch: Callable[[float], None] | None = None,
        *,
        owner: Callable[[int], int] | None,
    ) -> list[Outputs]:
        """Run every row in micro-batches; for each its part of every output.

        `owner` gives the number of a row's item, for errors; None lets NaN and infinity pass.
        """
        found: list[Outputs] = [()] * len(rows)
        done: list[int] = []

        def work(chosen: Session, indices: list[int], feeds: Feeds) -> None:
            outputs = self._run_batch(feeds, chosen, options)
            if owner is not None:
                require_finite(
                    outputs, (len(rows[each].input_ids) for each in indices), indices, owner
                )
            for row, index in enumerate(indices):
                found[index] = tuple(output[row] for output in outputs)
            done.extend(indices)
            if watch is not None:
                watch(len(done) / len(rows))

        size = self._runner.run(rows, self._tokenizer.pad, work, session)
        if call is not None:
            call.ran(rows, *size)
        return found

    def _run_streamed(
        self,
        item: int,
        rows: Iterable[EncodedText],
        options: Options,
        session: Session | None,
        call: Call | None,
        *,
        finite: bool,
    ) -> Iterator[RowOutputs]:
        """Each row of an item with its outputs; few are held at a time."""
        owner = (lambda _: item) if finite else None
        for several in chunks(rows, self.WINDOWS_AT_ONCE):
            outputs = self._run_rows(several, options, session, call, owner=owner)
            yield from zip(several, outputs, strict=True)

    def _run_batch(self, feeds: Feeds, session: Session, options: Options) -> Sequence[Any]:
        """What one micro-batch gives: for each output an array or a list with an entry a row."""
        del options
        return self._run_graph(self._outputs, feeds, session)

    def _decode_item(self, item: EncodedItem, rows: Iterable[RowOutputs], options: Options) -> Any:
        """The answer to one item, of a task that decodes them one by one."""
        raise NotImplementedError

    def _predict(
        self, method: str, items: Any, options: Options, progress: ProgressOption = None
    ) -> Any:
        """Answers to a list, or an iterator of them; to be called by the public method itself."""
        self.check_options(options)
        if isinstance(items, Iterator):
            return self._stream(items, options, Meter(None, view_of(progress)))
        checked = self._checked(method, items)
        with Meter(len(checked), view_of(progress)) as meter:
            call = Call(self._tokenizer.limit, meter.update)
            found = self._gather(self._chunked(checked, options, call), len(checked), options)
        self._last_call = call
        self._warn_if_truncated(stacklevel=4)
        return found

    def _gather(self, parts: Iterable[Any], count: int, options: Options) -> Any:
        """The answers of all chunks in one."""
        del count, options
        return [answer for part in parts for answer in part]

    def _stream(self, items: Iterator[Any], options: Options, meter: Meter) -> Iterator[Any]:
        warned, call = False, Call(self._tokenizer.limit, meter.update)
        with meter:
            for answers in self._chunked(items, options, call):
                warned = warned or self._warn_if_truncated(stacklevel=3)
                yield from answers

    def _chunked(self, items: Iterable[Any], options: Options, call: Call) -> Iterator[Any]:
        """Answers of each chunk of the items, in order; `last_report` says how far it is."""
        for chunk in chunks(items, self.CHUNK_ITEMS):
            encoded = self.encode(chunk, options, first=call.texts)
            call.encoded(encoded)
            answers = self.decode(encoded, self.run(encoded, options, call=call), options)
            call.texts += len(chunk)
            call.part_ran(0.0)
            self._last_call = call
            yield answers

    def _checked(self, method: str, items: Any) -> list[Any]:
        """The items of a list; of a long one all are looked at before the first is run."""
        found = listed(method, items)
        if len(found) > self.CHUNK_ITEMS:
            for index, item in enumerate(found):
                self._check_item(index, item)
        return found

    def _check_item(self, index: int, item: Any) -> None:
        """Refuse what the tokenizer cannot take, and a pair where the task takes none."""
        name = f"item {index}"
        if isinstance(item, tuple | list) and not self.PAIRS:
            raise InputError(
                f"{name} is {type(item).__name__}, expected str: this task takes no pairs; pass "
                "each text as an item of its own"
            )
        check_item(name, item)

    def _warn_if_truncated(self, stacklevel: int) -> bool:
        """Warn the public method's caller, who is so many calls away."""
        report = self.last_report
        cut = report.truncated if report else ()
        if report and cut:
            longest = max(cut, key=lambda text: text.tokens)
            found = (
                f"{len(cut)} of {report.texts} texts were cut to {longest.limit} tokens (the "
                f"longest, number {longest.index}, has {longest.tokens})"
            )
            warning = TruncationWarning(
                f"{found}; see last_report.truncated", shell=f"{found}; --long error refuses them"
            )
            warnings.warn(warning, stacklevel=stacklevel)
        return bool(cut)
