"""What a rewrite rule is, and how a list of them is applied and counted."""

from collections.abc import Sequence
from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import RewriteRuleSet


class Fusion(RewriteRuleClassBase):
    """A rule of onnxscript's rewriter (https://microsoft.github.io/onnxscript/tutorial/rewriter/).

    `pattern` draws the subgraph, `check` explains every refusal, `rewrite` draws what replaces it.

    Attributes:
        title: the rule's name in counts.
        refusals: why subgraphs that looked right were left alone.
    """

    title: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.title)
        self.refusals: list[str] = []

    def refuse(self, reason: str, at: ir.Value | ir.Node | None = None) -> MatchResult:
        """Leave a subgraph alone and keep the reason."""
        where = "" if at is None else f" at {at.name}"
        self.refusals.append(f"{self.title}{where}: {reason}")
        return MatchResult().fail(reason, at)


def apply(model: ir.Model, rules: Sequence[Fusion]) -> dict[str, int]:
    """Apply each rule in order, wherever it matches, in place; returns title → how often."""
    return {rule.title: RewriteRuleSet([rule.rule()]).apply_to_model(model) for rule in rules}


def constant(value: ir.Value | None) -> Any:
    """The numpy array behind a constant value; None where it is computed or absent."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()
