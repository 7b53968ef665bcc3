"""The graphs of transformers' own exporter; runs in the environment `exporters`.

Usage: export_with_transformers.py SOURCE OUT. Writes a folder with model.onnx for each into OUT:
    plain        its export, for batches and lengths of any size
    fused        with its fusions for ONNX Runtime on a CPU
    quantized    the same, with its dynamic int8
"""

import sys

import torch
from transformers import AutoModel
from transformers.exporters import OnnxConfig, OnnxRuntimeDynamicConfig, OnnxRuntimeQuantizer
from transformers.exporters.exporter_onnx import OnnxExporter

SHAPE = (2, 16)
"""Of the sample; its axes are dynamic in the graph."""

source, out = sys.argv[1:]
model = AutoModel.from_pretrained(source).eval()
sample = {
    "input_ids": torch.full(SHAPE, 7),
    "attention_mask": torch.ones(SHAPE, dtype=torch.int64),
    "token_type_ids": torch.zeros(SHAPE, dtype=torch.int64),
}
dynamic_int8 = OnnxRuntimeQuantizer(OnnxRuntimeDynamicConfig())
configs = {
    "plain": OnnxConfig(dynamic=True),
    "fused": OnnxConfig(dynamic=True, ort_fusions="cpu"),
    "quantized": OnnxConfig(dynamic=True, ort_fusions="cpu", quantizer=dynamic_int8),
}
for name, config in configs.items():
    exported = OnnxExporter().export(model, dict(sample), config=config)
    exported.save_pretrained(f"{out}/{name}")
