"""An open bundle: its graph, its tokenizer, and what it says about itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import HeadInfo, TaskInfo, Variant
from edgebert_runtime.bundle.manifest_values import STOCK
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import BundleError, InputError, ModelClosedError
from edgebert_runtime.inference.arrays import INPUTS, Feeds, Floats, GraphOutput
from edgebert_runtime.inference.batch_runner import BatchRunner
from edgebert_runtime.inference.call import Call, listed
from edgebert_runtime.inference.execution_plan import ExecutionPlan
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.inference.output_checks import check_shapes
from edgebert_runtime.inference.reports import ModelInfo, RunReport
from edgebert_runtime.tokenization.items import Item, check_text
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from edgebert_runtime.tokenization.offsets import TextToken

WARM_UP: Final = ((1, 8), (1, 16), (1, 32))
"""Shapes of a few words, a question and a sentence."""


class OpenBundle:
    """One variant of a bundle, open.

    Attributes:
        GRAPH: what the graph must offer.
        RUN: those of them that a usual call takes, by name; none for all.

    Raises:
        BundleError: the graph lacks an output, or wants an input no tokenizer makes.
    """

    GRAPH: ClassVar[tuple[GraphOutput, ...]] = ()
    RUN: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        bundle: Bundle,
        variant: str,
        session: Session,
        tokenizer: TextTokenizer,
        verified: str,
        *,
        task: str | None = None,
        way: str = STOCK,
        no_kernel: str | None = None,
        plan: ExecutionPlan | None = None,
        reopen: Callable[[], Any] | None = None,
    ) -> None:
        """Check that graph and task fit.

        Args:
            bundle: whose model it is.
            variant: its name there.
            session: the open graph.
            tokenizer: the bundle's.
            verified: how files were hashed.
            task: which of the bundle's; None for its default.
            way: how the graph runs, `stock` or `native`.
            no_kernel: why no library runs it, for `info`.
            plan: how many texts are run; None for as few.
            reopen: loads the model anew, where it is unpickled; None if it cannot be pickled.
        """
        self._bundle = bundle
        self._task_name = bundle.manifest.default_task if task is None else task
        self._task: TaskInfo = bundle.manifest.tasks[self._task_name]
        self._way = way
        self._no_kernel = no_kernel
        self._outputs = self._required_outputs()
        self._shapes = {output.name: output.shape for output in self._task.outputs}
        self._variant = variant
        self._runner = BatchRunner(session, plan or ExecutionPlan())
        self._opened_tokenizer: TextTokenizer | None = tokenizer
        self._verified = verified
        self._reopen = reopen
        self._last_call: Call | None = None
        self._check_graph()
        self._prepare()

    def _prepare(self) -> None:
        """Check what the task needs of the manifest, and keep it.

        Raises:
            BundleError: the manifest does not fit the task.
        """

    def _required_outputs(self) -> tuple[str, ...]:
        """Outputs that the graph must offer, by name."""
        return tuple(output.name for output in self.GRAPH)

    def info(self) -> ModelInfo:
        """What is running, for logs and bug reports."""
        manifest, variant = self._bundle.manifest, self.variant
        opened = (*variant.files, manifest.tokenizer.file)
        session, plan = self.session, self._runner.plan
        return ModelInfo(
            bundle=str(self._bundle.folder),
            task=self._task_name,
            variant=self._variant,
            way=self._way,
            kernel=None if session.library is None else session.library.kernel,
            no_kernel=self._no_kernel,
            precision=variant.precision,
            target=variant.target,
            provider=session.provider,
            provider_options=dict(session.provider_options),
            threads=session.threads,
            warm=session.warm,
            micro_batch_tokens=self._runner.micro_batch_tokens,
            max_padding=self._runner.max_padding,
            workers=plan.workers,
            worker_threads=(plan.many or session).threads,
            max_length=self.max_length,
            dimensions=self.dimensions,
            batch_invariant=variant.batch_invariant,
            sha256={path: manifest.files[path].sha256 for path in opened},
            verified=self._verified,
        )

    @property
    def variant(self) -> Variant:
        """What the manifest says of the graph that runs."""
        return self._bundle.manifest.variants[self._variant]

    @property
    def samples_path(self) -> str | None:
        """Path in the bundle of the self-test samples of what runs; None without any."""
        return self.variant.ways[self._way].samples.get(self._task_name)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of what the task tells apart, in the order of the logits; none for other tasks."""
        head = self._task.head
        return head.labels if head else ()

    @property
    def dimensions(self) -> int | None:
        """Length of a vector; None for tasks that give none."""
        embedding = self._task.embedding
        return embedding.dimensions if embedding else None

    @property
    def max_length(self) -> int:
        """Where texts are cut, in tokens, special tokens included."""
        return self._bundle.manifest.tokenizer.max_length

    @property
    def last_report(self) -> RunReport | None:
        """What the last call did, or a stream has done so far; None before the first."""
        return self._last_call.report() if self._last_call else None

    @property
    def session(self) -> Session:
        """The open graph, for benchmarks that feed it ids."""
        return self._runner.session

    @property
    def single_thread_session(self) -> Session:
        """A session of one thread on the same graph, for threads of the caller's own.

        One of the model's; where it has none a new one, which ends with its last reference.
        """
        plan, session = self._runner.plan, self.session
        known = (session, plan.single_thread_session, plan.many)
        found = next((each for each in known if each and each.threads == 1), None)
        return found or session.with_threads(1)

    def warm_up(
        self, shapes: Sequence[tuple[int, int]] = WARM_UP, *, session: Session | None = None
    ) -> None:
        """Run the graph on padding, so that the first call waits for nothing that is done once.

        On a GPU the first run of a process loads kernels, and with `enable_cuda_graph` the first
        of a shape is captured.

        Args:
            shapes: batch and length in tokens of each run, at most `max_length` tokens.
            session: the one to run, a session on the same file; None runs all of the model's.

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
            for each in [session] if session else (self.session, *self._runner.plan.sessions):
                self._run_graph(self.RUN or self._outputs, make_feeds(ids), each)

    def count_tokens(self, texts: Sequence[Item]) -> list[int]:
        """How many tokens each text has for this model, before anything is cut.

        Args:
            texts: strings or pairs of them, prompts not included.

        Returns:
            Tokens of each, special tokens included; what exceeds `max_length` would be cut.

        Raises:
            InputError: `texts` is one string, or an item is not text.
        """
        return self._tokenizer.count(listed("count_tokens", texts))

    def tokenize(self, texts: Sequence[str]) -> "list[list[TextToken]]":
        """The tokens of each text, nothing cut.

        Args:
            texts: a list of strings, prompts not included.

        Returns:
            Of each text its tokens, those that the model adds included.

        Raises:
            InputError: `texts` is one string, an item is not a string, or not text.
        """
        strings = [
            check_text(f"item {at}", text) for at, text in enumerate(listed("tokenize", texts))
        ]
        aligned = self._tokenizer.align(strings)
        return [each.spelled(text) for each, text in zip(aligned, strings, strict=True)]

    def close(self) -> None:
        """Give the memory back; using the model afterwards is a `ModelClosedError`."""
        self._runner.close()
        self._opened_tokenizer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        session = self.session
        return (
            f"{type(self).__name__}({str(self._bundle.folder)!r}, variant={self._variant!r}, "
            f"provider={session.provider!r}, threads={session.threads})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by path: whoever unpickles it loads the bundle anew."""
        if self._reopen is None:
            raise TypeError(f"{self!r} was not made by load, and cannot be pickled")
        return self._reopen, ()

    def _check_graph(self) -> None:
        strange = [name for name in self.session.inputs if name not in INPUTS]
        if strange:
            raise BundleError(
                f"{self._bundle.folder} has a graph with the inputs {', '.join(strange)}; a "
                f"tokenizer gives {', '.join(INPUTS)}"
            )
        missing = [name for name in self._outputs if name not in self.session.outputs]
        if missing:
            raise BundleError(
                f"{self._bundle.folder} has task {self._task_name!r} and a graph "
                f"without output {', '.join(missing)}; it has {', '.join(self.session.outputs)}"
            )

    def _require_head(self, *activations: str) -> HeadInfo:
        """The manifest's head, with one of the activations that make sense for the task."""
        head = self._task.head
        if head is None or head.activation not in activations:
            found = "no head" if head is None else f"activation {head.activation!r}"
            raise BundleError(
                f"{self._bundle.folder} has task {self._task_name!r} and {found}, "
                f"expected a head with activation {' or '.join(activations)}; export it again"
            )
        return head

    def _require_labels(self) -> None:
        """Refuse a manifest that names more or fewer labels than the graph has logits."""
        labels, outputs = len(self.labels), self._task.outputs
        sizes = [output.shape[-1] for output in outputs if output.name in self._outputs]
        if labels == 0 or any(size != labels for size in sizes if isinstance(size, int)):
            raise BundleError(
                f"{self._bundle.folder} names {labels} labels for logits of {sizes}; export it "
                "again"
            )

    @property
    def _tokenizer(self) -> TextTokenizer:
        if self._opened_tokenizer is None:
            raise ModelClosedError("this model is closed; load it again")
        return self._opened_tokenizer

    def _run_graph(self, outputs: Sequence[str], feeds: Feeds, session: Session) -> list[Floats]:
        """Outputs of the graph for one micro-batch, with the inputs it has."""
        found = session.run(outputs, {name: feeds[name] for name in session.inputs})
        self._check_shapes(dict(zip(outputs, found, strict=True)), feeds)
        return found

    def _check_shapes(self, outputs: Mapping[str, Any], feeds: Feeds) -> None:
        """Refuse outputs that are not of the rows that were run.

        Raises:
            EngineError: an output has another shape than the manifest says.
        """
        check_shapes(outputs, self._shapes, *feeds["input_ids"].shape)


def open_tokenizer(bundle: Bundle) -> TextTokenizer:
    """A bundle's tokenizer.

    Raises:
        TokenizerError: it cannot be read.
    """
    info = bundle.manifest.tokenizer
    return TextTokenizer(bundle.path_of(info.file), info)
