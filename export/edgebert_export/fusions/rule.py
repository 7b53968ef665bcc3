"""What a rewrite rule is, and how a list of them is applied and counted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult
from onnxscript.rewriter.pattern import RewriteRule, RewriteRuleSet

from edgebert_runtime.engine.onnxruntime import CONTRIB


class Fusion(ABC):
    """A rule for onnxscript's rewriter (https://microsoft.github.io/onnxscript/tutorial/rewriter/).

    Attributes:
        title: the rule's name in counts.
        refusals: why subgraphs that looked right were left alone.
    """

    title: ClassVar[str]

    def __init__(self) -> None:
        self.refusals: list[str] = []

    @abstractmethod
    def pattern(self, *args: Any, **kwargs: Any) -> ir.Value:
        """Draw the subgraph; the parameters' names are those of its inputs."""

    def check(self, *args: Any, **kwargs: Any) -> MatchResult:
        """Accept a match, or refuse it with a reason; every match, if a rule says nothing."""
        del args, kwargs
        return MatchResult()

    @abstractmethod
    def rewrite(self, *args: Any, **kwargs: Any) -> ir.Value:
        """Draw what replaces it."""

    def refuse(self, reason: str, at: ir.Value) -> MatchResult:
        """Leave a subgraph alone and keep the reason."""
        self.refusals.append(f"{self.title} at {at.name}: {reason}")
        return MatchResult().fail(reason, at)


def apply(model: ir.Model, rules: Sequence[Fusion]) -> dict[str, int]:
    """Apply each rule in order, wherever it matches, in place; returns title → how often."""
    return {
        rule.title: RewriteRuleSet(
            [RewriteRule(rule.pattern, rule.rewrite, rule.check, name=rule.title)]
        ).apply_to_model(model)
        for rule in rules
    }


def match_packed_attention(op: Any, *inputs: ir.Value | None) -> ir.Value:
    """The part of a pattern that is ONNX Runtime's attention without padding, named `packed`."""
    packed: ir.Value = op.PackedMultiHeadAttention(
        *inputs, _domain=CONTRIB, _allow_other_attributes=True, _outputs=["packed"]
    )
    return packed


def packed_attention(op: Any, *inputs: ir.Value | None, like: ir.Value) -> ir.Value:
    """Such a node with the attributes of another."""
    attended: ir.Value = op.PackedMultiHeadAttention(
        *inputs, _domain=CONTRIB, _version=1, **attributes(like)
    )
    return attended


def attributes(value: ir.Value) -> Mapping[str, ir.Attr]:
    """Those of the node a value comes from; none for an input."""
    node = value.producer()
    return {} if node is None else node.attributes


def constant(value: ir.Value | None) -> Any:
    """The numpy array behind a constant value; None where it is computed or absent."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()
