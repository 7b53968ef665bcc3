"""Runs of a module before it is traced; what fails is named in the words of its spec."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from edgebert_export import ExportSpec
from edgebert_export.graph.reasons import reason_of
from edgebert_export.graph.trace import require_shape
from edgebert_runtime.errors import ExportError
from edgebert_runtime.inference.arrays import INPUTS

BATCH: Final = 2
SEQUENCE: Final = 7

PADDING_DIFFERENCE: Final = 1e-3
"""Relative to the largest number: above it an output depends on padding."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Tries a module on what a bundle's graph may get.

    Attributes:
        spec: what it is.
        name: of its class.
    """

    spec: ExportSpec
    name: str

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and tokens of the usual batch."""
        return BATCH, min(SEQUENCE, self.spec.max_positions)

    def named_batch(self) -> dict[str, Tensor]:
        """The usual batch: input name → (batch, sequence), int64."""
        names = (item.name for item in self.spec.inputs)
        return dict(zip(names, self._inputs(*self.shape), strict=True))

    def run(self, function: Callable[[], Any], what: str, *values: object) -> Any:
        """The result of a run.

        Raises:
            ExportError: it failed; says on what.
        """
        try:
            return function()
        except Exception as error:
            on = " ".join(map(str, (what, *values)))
            raise ExportError(f"{self.name} fails on {on}: {reason_of(error)}") from error

    def try_bounds(self, adapter: nn.Module) -> None:
        """Run the highest ids, the shortest text and the longest one.

        Raises:
            ExportError: a run failed, or gives another shape; with the longest text that works.
        """
        spec, longest = self.spec, self.spec.max_positions
        highest = [torch.full(self.shape, item.upper - 1) for item in spec.inputs]
        bounds = f"vocabulary={spec.vocabulary}, token_types={spec.token_types}"
        self._checked(adapter, highest, f"the highest ids of its spec (ExportSpec({bounds}))")
        self._checked(adapter, self._inputs(BATCH, 1), "texts of 1 token")
        try:
            adapter(*self._inputs(1, longest))
        except Exception as error:
            works = self._longest_that_works(adapter)
            raise ExportError(
                f"{self.name} fails on a text of {longest} tokens, and its spec says "
                f"max_positions={longest}. The longest that it takes is {works}: "
                f"ExportSpec(max_positions={works}). {reason_of(error)}"
            ) from error

    def has_nan_without_tokens(self, adapter: nn.Module) -> bool:
        """Whether outputs are NaN or infinite only because a row has no tokens."""
        inputs = self._inputs(*self.shape)
        usual = self._checked(adapter, inputs, "a batch")
        inputs[INPUTS.index("attention_mask")][1] = 0
        empty = self._checked(adapter, inputs, "a row without tokens")
        return all(map(_is_finite, usual)) and not all(map(_is_finite, empty))

    def reads_padding(self, adapter: nn.Module, pad_id: int) -> bool:
        """Whether a text has another answer where it stands beside padding."""
        _, length = self.shape
        inputs = self._inputs(1, min(2 * length, self.spec.max_positions))
        for array, filler in zip(inputs, (pad_id, 0, 0), strict=False):
            array[:, length:] = filler
        alone = self._checked(adapter, self._inputs(1, length), "a text")
        padded = self._checked(adapter, inputs, "a text with padding")
        for item, short, long in zip(self.spec.outputs, alone, padded, strict=True):
            kept = long[:, :length] if item.per_token else long
            allowed = PADDING_DIFFERENCE * max(1.0, float(short.abs().max()))
            if float((kept - short).abs().max()) > allowed:
                return True
        return False

    def _checked(self, adapter: nn.Module, inputs: list[Tensor], what: str) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.run(lambda: adapter(*inputs), what)
        batch, sequence = inputs[0].shape
        for item, output in zip(self.spec.outputs, outputs, strict=True):
            require_shape(f"{self.name}.forward", item, tuple(output.shape), (batch, sequence))
        return outputs

    def _inputs(self, rows: int, length: int) -> list[Tensor]:
        """Full rows of ids 0, 1, 2…; a row of its own is the beginning of a longer one."""
        numbers = torch.arange(rows * length).view(rows, length)
        return [
            torch.ones_like(numbers) if item.name == "attention_mask" else numbers % item.upper
            for item in self.spec.inputs
        ]

    def _longest_that_works(self, adapter: nn.Module) -> int:
        low, high = 1, self.spec.max_positions
        while high - low > 1:
            middle = (low + high) // 2
            try:
                adapter(*self._inputs(1, middle))
                low = middle
            except Exception:
                high = middle
        return low


def _is_finite(output: Tensor) -> bool:
    return bool(torch.isfinite(output).all())
