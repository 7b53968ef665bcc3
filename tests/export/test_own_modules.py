"""Modules as their authors call them: arguments, outputs, dtypes, contexts, and how they are left.

Nothing is exported here but in the last tests: what is traced is the source's module.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import make_dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import utils

import edgebert
from edgebert.workflow.plain_torch import plain_torch
from edgebert.workflow.sources import Source, open_source
from edgebert_export import ExportSpec
from edgebert_runtime import load
from edgebert_runtime.bundle.manifest import HeadInfo, Step
from edgebert_runtime.errors import ConfigError, EdgebertError, ExportError
from tests.support.tiny_encoder import TINY

WIDTH = 6
IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
SEGMENTS = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 0]])


class Words(nn.Module):
    """Token vectors that tell which array came as which argument."""

    def __init__(self, forward: Callable[..., Any] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(TINY.vocabulary, WIDTH)
        if forward is not None:
            self.forward = partial(forward, self)  # type: ignore[method-assign]

    def hidden(self, ids: Tensor, mask: Tensor, segments: Tensor | int = 0) -> Tensor:
        given = torch.as_tensor(segments)[..., None] * 100 + mask[..., None] * 10
        hidden: Tensor = self.table(ids) + given.to(self.table.weight.dtype)
        return hidden

    def mean(self, ids: Tensor, mask: Tensor) -> Tensor:
        """NaN where there is no token, as most people write it."""
        kept = mask[..., None].to(self.table.weight.dtype)
        mean: Tensor = (self.table(ids) * kept).sum(dim=1) / kept.sum(dim=1)
        return mean

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        return self.mean(input_ids, attention_mask)


def spec_of(task: str = "embed", labels: int = 0, **changes: Any) -> ExportSpec:
    names = tuple(f"label {number}" for number in range(labels))
    head = None if task == "embed" else HeadInfo(labels=names, activation="sigmoid")
    known: dict[str, Any] = {
        "vocabulary": TINY.vocabulary,
        "hidden": WIDTH,
        "max_positions": 40,
        "layers": 1,
        "promises": {"attention": 0},
    }
    return ExportSpec(**{**known, "task": task, "head": head, **changes})


@pytest.fixture
def opened(tiny_folder: Path) -> Callable[..., Source]:
    def open_it(module: nn.Module, spec: ExportSpec | None = None) -> Source:
        with plain_torch():
            return open_source(module, spec=spec or spec_of(), tokenizer=tiny_folder)

    return open_it


CALLS: dict[str, Callable[..., Any]] = {
    "segments first": lambda self, input_ids, token_type_ids, attention_mask: self.hidden(
        input_ids, attention_mask, token_type_ids
    ),
    "keywords": lambda self, *, attention_mask, token_type_ids, input_ids: self.hidden(
        input_ids, attention_mask, token_type_ids
    ),
    "positions": lambda self, input_ids, attention_mask, token_type_ids, /: self.hidden(
        input_ids, attention_mask, token_type_ids
    ),
    "other names": lambda self, x, segments, labels=None, *, mask: self.hidden(x, mask, segments),
    "**kwargs": lambda self, input_ids, **rest: self.hidden(
        input_ids, rest["attention_mask"], rest["token_type_ids"]
    ),
    "*args": lambda self, *rest: self.hidden(*rest),
    "a mask that says so": lambda self, ids, token_types, keep_mask: self.hidden(
        ids, keep_mask, token_types
    ),
}


@pytest.mark.parametrize("forward", CALLS.values(), ids=CALLS)
def test_arguments_are_bound_by_name(
    forward: Callable[..., Any], opened: Callable[..., Source]
) -> None:
    module = Words(forward)
    source = opened(module, spec_of(token_types=2))
    found, _ = source.module(IDS, MASK, SEGMENTS)
    assert torch.equal(found, module.hidden(IDS, MASK, SEGMENTS))


REFUSED_CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    r"Words.forward\(input_ids, attention_mask, position_ids\) must be given position_ids": (
        lambda self, input_ids, attention_mask, position_ids: None,
        {},
    ),
    r"must be given m, .* rename those that take attention_mask": (lambda self, x, m: None, {}),
    r"must be given key_padding_mask, .* 1 at tokens that are kept": (
        lambda self, x, key_padding_mask: None,
        {},
    ),
    r"must be given token_type_ids.*ExportSpec\(token_types=2\)": (
        lambda self, input_ids, attention_mask, token_type_ids: None,
        {},
    ),
    r"takes no token_type_ids.*ExportSpec\(token_types=0\)": (
        lambda self, input_ids, attention_mask: None,
        {"token_types": 2},
    ),
    r"that is padded, and it takes no attention_mask": (
        lambda self, input_ids: self.table(input_ids).cumsum(1).flip(1).cumsum(1),
        {},
    ),
    r"that is padded, and it may take its mask for another": (
        lambda self, x, mask: self.table(x) + self.table(x * (1 - mask)).sum(dim=1, keepdim=True),
        {},
    ),
    r"Words fails on a batch of shape \(2, 7\): AttributeError: .*\nat .*test_own_modules": (
        lambda self, input_ids, attention_mask: self.nothing,
        {},
    ),
    r"Words fails on the highest ids .*vocabulary=": (
        lambda self, input_ids, attention_mask: self.hidden(input_ids, attention_mask),
        {"vocabulary": TINY.vocabulary + 1},
    ),
    r"fails on a text of 40 tokens.*longest that it takes is 11: ExportSpec\(max_positions=11\)": (
        lambda self, input_ids, attention_mask: (
            self.hidden(input_ids, attention_mask) + torch.ones(11)[: input_ids.shape[1], None]
        ),
        {},
    ),
}


@pytest.mark.parametrize(("words", "case"), REFUSED_CALLS.items(), ids=range(len(REFUSED_CALLS)))
def test_what_cannot_be_called_is_refused_by_name(
    words: str,
    case: tuple[Callable[..., Any], dict[str, Any]],
    opened: Callable[..., Source],
) -> None:
    forward, changes = case
    with pytest.raises(ExportError, match=f"(?s){words}"):
        opened(Words(forward), spec_of(**changes))


def test_padding_that_changes_answers_is_noted_where_there_is_a_mask(
    opened: Callable[..., Source],
) -> None:
    def reads_all(self: Words, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.hidden(input_ids, attention_mask)
        return hidden + hidden.sum(dim=1, keepdim=True)

    notes = opened(Words(reads_all)).notes
    assert any("answers depend on the other texts of a batch" in note for note in notes)
    assert not any("padding" in note for note in opened(Words()).notes)


Record = make_dataclass("Record", ["loss", "last_hidden_state"])


class Named(NamedTuple):
    """As a module may return it."""

    pooler_output: Tensor
    last_hidden_state: Tensor


RETURNED: dict[str, Callable[[Tensor], Any]] = {
    "tensor": lambda hidden: hidden,
    "tuple": lambda hidden: (hidden, hidden[:, 0]),
    "list": lambda hidden: [hidden],
    "dict": lambda hidden: {"pooler_output": hidden[:, 0], "last_hidden_state": hidden},
    "dict of one": lambda hidden: {"mine": hidden},
    "dataclass": lambda hidden: Record(None, hidden),
    "named tuple": lambda hidden: Named(hidden[:, 0], hidden),
    "half": lambda hidden: hidden.to(torch.float64),
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
def test_token_vectors_are_found(
    returned: Callable[[Tensor], Any], opened: Callable[..., Source]
) -> None:
    module = Words(
        lambda self, input_ids, attention_mask: returned(self.hidden(input_ids, attention_mask))
    )
    found, vectors = opened(module).module(IDS, MASK)
    hidden = module.hidden(IDS, MASK)
    assert torch.equal(found, hidden)
    assert torch.allclose(vectors[1], hidden[1, :2].mean(dim=0))


@pytest.mark.parametrize(
    ("task", "labels", "cut"),
    [
        ("classify", 3, lambda mean, _: {"loss": mean.sum(), "logits": mean[:, :3]}),
        ("rank", 1, lambda mean, _: mean[:, 0]),
        ("tag", 3, lambda _, hidden: (hidden[..., :3],)),
        ("answer", 0, lambda _, hidden: hidden[..., :2]),
        ("answer", 0, lambda _, hidden: (hidden[..., 0], hidden[..., 1])),
    ],
    ids=("classify", "rank", "tag", "answer in one", "answer in two"),
)
def test_logits_are_found(
    task: str, labels: int, cut: Callable[..., Any], opened: Callable[..., Source]
) -> None:
    def forward(self: Words, input_ids: Tensor, attention_mask: Tensor) -> Any:
        return cut(self.mean(input_ids, attention_mask), self.hidden(input_ids, attention_mask))

    module = Words(forward)
    found = opened(module, spec_of(task, labels)).module(IDS, MASK)
    mean, hidden = module.mean(IDS, MASK), module.hidden(IDS, MASK)
    expected = {
        "classify": (mean[:, :3],),
        "rank": (mean[:, :1],),
        "tag": (hidden[..., :3],),
        "answer": (hidden[..., 0], hidden[..., 1]),
    }[task]
    assert all(map(torch.equal, found, expected))
    assert len(found) == len(expected)


REFUSED_OUTPUTS: dict[str, Callable[[Tensor], Any]] = {
    r"Words.forward gives last_hidden_state of shape \(2, 7, 5\), expected \(2, 7, 6\)": (
        lambda hidden: hidden[..., 1:]
    ),
    r"gives last_hidden_state of shape \(7, 2, 6\), expected": lambda hidden: hidden.transpose(
        0, 1
    ),
    r"returns dict with a \(2, 7, 6\) float32, b \(2, 7, 6\) float32.*last_hidden_state \(batch": (
        lambda hidden: {"a": hidden, "b": hidden}
    ),
    r"returns NoneType with no tensor": lambda hidden: None,
    r"\[0\] \(2, 7\) int64.* or sentence_embedding \(batch, 6\)": lambda hidden: hidden.argmax(-1),
    r"gives sentence_embedding of shape \(2, 1\), expected \(2, 7\)": lambda hidden: hidden[..., 0],
}


@pytest.mark.parametrize(("words", "returned"), REFUSED_OUTPUTS.items(), ids=range(6))
def test_what_returns_something_else_is_refused(
    words: str, returned: Callable[[Tensor], Any], opened: Callable[..., Source]
) -> None:
    with pytest.raises(ExportError, match=words):
        opened(Words(lambda self, input_ids: returned(self.table(input_ids))))


def test_one_vector_a_text_is_not_pooled(opened: Callable[..., Source]) -> None:
    unit = spec_of(steps=(Step(kind="pool", modes=("cls",)), Step(kind="normalize")))
    empty = torch.cat((MASK[:1], torch.zeros_like(MASK[:1])))
    for spec, steps in ((spec_of(), ()), (unit, unit.steps[1:]), (spec_of(steps=()), ())):
        module = Words()
        source = opened(module, spec)
        assert source.spec.steps == steps
        assert [output.name for output in source.spec.outputs] == ["sentence_embedding"]
        (found,) = source.module(IDS, MASK)
        means = module(IDS, MASK)
        assert torch.allclose(found, nn.functional.normalize(means) if steps else means)
        (without_tokens,) = source.module(IDS, empty)
        assert torch.equal(without_tokens[0], found[0])
        assert not without_tokens[1].any()


def test_token_vectors_without_pooling_are_refused(opened: Callable[..., Source]) -> None:
    module = Words(lambda self, input_ids: self.table(input_ids))
    with pytest.raises(ExportError, match=r"must return sentence_embedding \(batch, 6\)"):
        opened(module, spec_of(steps=()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_become_float32_in_a_copy(
    dtype: torch.dtype, opened: Callable[..., Source]
) -> None:
    module = Words().to(dtype)
    module.again = module.table  # tied
    source = opened(module)
    (found,) = source.module(IDS, MASK)
    assert found.dtype == torch.float32
    assert torch.allclose(found, Words().to(dtype).float()(IDS, MASK))
    assert len(list(source.module.parameters())) == 1
    assert {weight.dtype for weight in module.parameters()} == {dtype}
    assert any(f"Words has weights in {str(dtype)[6:]}" in note for note in source.notes)


class Stateful(Words):
    """Keeps what it saw, and has what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.inner = nn.Sequential(nn.Dropout(0.5), utils.weight_norm(nn.Linear(WIDTH, WIDTH)))
        self.seen: Any = None
        self.count = nn.Buffer(torch.zeros(1))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        self.seen = input_ids
        self.count.add_(1)
        mean: Tensor = self.inner(self.mean(input_ids, attention_mask))
        return mean


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_module_is_left_as_it_was_found(opened: Callable[..., Source]) -> None:
    module = Stateful().train()
    module.inner[1].eval()  # frozen by its author
    called: list[nn.Module] = []
    module.inner.register_forward_hook(lambda each, *_: called.append(each))
    module.table.weight.requires_grad_(False)
    modes = [each.training for each in module.modules()]
    random = torch.get_rng_state()
    source = opened(module)
    assert torch.equal(torch.get_rng_state(), random)
    assert [each.training for each in module.modules()] == modes
    assert module.seen is None
    assert not module.count.any()
    assert not module.table.weight.requires_grad
    assert called  # the copy has the hook
    assert module.inner not in called
    with plain_torch():
        (found,) = source.module(IDS, MASK)
    assert torch.allclose(found, module.eval()(IDS, MASK))


@pytest.mark.filterwarnings("ignore")  # of torch, about itself
def test_wrappers_are_looked_into(opened: Callable[..., Source]) -> None:
    for wrapped in (torch.compile(Words()), nn.DataParallel(Words())):
        source = opened(wrapped)
        assert source.parts.source["name"] == "Words"
        assert torch.equal(source.module(IDS, MASK)[0], Words()(IDS, MASK))
    inside = Words()
    compiled: Any = torch.compile(inside.table)
    inside.table = compiled
    source = opened(inside)
    assert {type(each).__name__ for each in source.module.modules()} == {
        *("ModuleAdapter", "Words", "Embedding", "ModuleList")
    }
    assert inside.table is compiled


def test_weights_of_inference_mode_are_copied(opened: Callable[..., Source]) -> None:
    with torch.inference_mode():
        module = Words()
    (weight,) = opened(module).module.parameters()
    assert not weight.is_inference()
    assert torch.equal(weight, module.table.weight)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_has_no_weights_or_no_python_is_refused(opened: Callable[..., Source]) -> None:
    with pytest.raises(ExportError, match=r"Words has no values for table.weight.*meta"):
        opened(Words().to("meta"))
    scripted: Any = torch.jit.trace(Words(), (IDS, MASK))  # type: ignore[no-untyped-call]
    with pytest.raises(ExportError, match=r"TorchScript module.*pass the nn.Module"):
        opened(scripted)


CONTEXTS: dict[str, Callable[[], Any]] = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "device": lambda: torch.device("meta"),
    "inference": torch.inference_mode,
    "no gradient": torch.no_grad,
}


@pytest.fixture
def other_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("other_dtype")
def test_contexts_of_the_caller_are_taken_off_and_put_back() -> None:
    def settings() -> tuple[Any, ...]:
        return (
            torch.is_autocast_enabled("cpu"),
            torch.empty(()).device.type,
            torch.is_inference_mode_enabled(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.backends.mha.get_fastpath_enabled(),
        )

    with ExitStack() as stack:
        for context in CONTEXTS.values():
            stack.enter_context(context())
        before = settings()
        assert before == (True, "meta", True, False, torch.float64, True)
        with pytest.raises(ConfigError), plain_torch():
            assert settings() == (False, "cpu", False, False, torch.float32, False)
            raise ConfigError
        assert settings() == before


def test_a_frozen_transformer_is_exported_in_any_context(tiny_folder: Path, tmp_path: Path) -> None:
    """torch has an operator of its own for a whole layer where no gradient is needed."""

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(TINY.vocabulary, 32)
            layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 1)

        def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
            tokens: Tensor = self.layers(self.table(input_ids), src_key_padding_mask=mask == 0)
            kept = mask[..., None].to(tokens.dtype)
            return (tokens * kept).sum(dim=1) / kept.sum(dim=1)

    module = Own().eval().requires_grad_(False)
    spec = spec_of(
        hidden=32, promises={}, steps=(Step(kind="pool", modes=("mean",)), Step(kind="normalize"))
    )
    with ExitStack() as stack:
        for context in CONTEXTS.values():
            stack.enter_context(context())
        bundle = edgebert.export(module, tmp_path / "out", spec=spec, tokenizer=tiny_folder)
        assert edgebert.verify(bundle, against=module, spec=spec).passed
    model = load(bundle)
    (encoded,) = model.encode(["the small cat"])
    (row,) = encoded.rows
    ids = torch.tensor([row.input_ids])
    with plain_torch():
        expected = nn.functional.normalize(module(ids, torch.ones_like(ids)))
    assert torch.allclose(
        torch.tensor(model.embed(["the small cat", "a dog"])[:1]), expected, atol=1e-5
    )
    with pytest.raises(ConfigError, match="normalize=False is for graphs that give token vectors"):
        model.embed(["the small cat"], normalize=False)


def test_half_precision_inside_forward_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    class Own(Words):
        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                vectors = self.hidden(input_ids, attention_mask)
                return vectors @ self.table.weight[:WIDTH]

    with pytest.raises(EdgebertError, match=r"Own computes in half precision.*MatMul in bfloat16"):
        edgebert.export(Own(), tmp_path / "out", spec=spec_of(), tokenizer=tiny_folder)
