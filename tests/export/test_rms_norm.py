"""RMSNorm, which opset 21 lacks: expanded on every target, equal to torch."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgebert.model.sentence import SentenceEmbedder
from edgebert_export.graph.build import build, write_graphs
from edgebert_export.graph.trace import trace
from edgebert_export.spec import ExportSpec
from edgebert_export.targets import TARGETS
from edgebert_export.verification.parity import check_parity
from edgebert_export.verification.runnable_equivalents import runnable


class Normed(nn.Module):
    """With a scale, without, and along two axes; of tokens, or also of queries and heads."""

    def __init__(self, *, of_queries: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.of_queries = of_queries
        self.table = nn.Embedding(50, 12)
        self.map = nn.Linear(12, 36)
        self.norms = nn.ModuleList(
            [
                nn.RMSNorm(12, eps=0.3),
                nn.RMSNorm(6, elementwise_affine=False),
                nn.RMSNorm((2, 6), eps=1e-4),
            ]
        )
        for weight in self.norms.parameters():
            nn.init.normal_(weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.norms[0](self.table(input_ids))
        rows, length = input_ids.shape
        query, key, value = (
            each.view(rows, length, 2, 6).transpose(1, 2)
            for each in self.map(hidden).chunk(3, dim=-1)
        )
        mask = attention_mask[:, None, None, :] > 0
        if self.of_queries:
            query = self.norms[1](query)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2)
        if self.of_queries:
            mixed = self.norms[2](mixed)
        joined: Tensor = mixed.reshape(rows, length, 12)
        return joined if self.of_queries else self.norms[0](joined)


@pytest.mark.parametrize(
    ("of_queries", "targets"),
    [(True, ("portable", "cpu", "cuda")), (False, ("cuda-packed",))],
    ids=["of queries", "of tokens"],
)
def test_it_is_expanded_on_every_target(
    of_queries: bool, targets: tuple[str, ...], tmp_path: Path
) -> None:
    """A graph without padding has no place for a norm between the split into heads and a layer."""
    spec = ExportSpec(vocabulary=50, hidden=12, max_positions=20, layers=1)
    module = SentenceEmbedder(Normed(of_queries=of_queries), spec.steps, {}).eval()
    canonical = trace(module, spec)
    norms = 3 if of_queries else 2
    assert [node.op_type for node in canonical.graph].count("RMSNormalization") == norms
    for target in map(TARGETS.__getitem__, targets):
        built = build(canonical, target, spec, target.min_onnxruntime)
        assert "RMSNormalization" not in {node.op_type for node in built.model.graph}
        write_graphs([built], tmp_path)
        with runnable(target, tmp_path / target.file) as graph:
            check_parity(graph, module, spec, unpadded=target.unpadded).require()
