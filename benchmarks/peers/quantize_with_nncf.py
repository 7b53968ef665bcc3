"""NNCF's int8 of an ONNX file; runs in OpenVINO's environment.

Usage: quantize_with_nncf.py SOURCE.onnx FEEDS.npz OUT. Writes OUT/model.xml and OUT/model.bin.
"""

import sys
from pathlib import Path

import nncf
import openvino

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import read_feeds

source, feeds, out = sys.argv[1:]
# NNCF's documented way for transformers, every other setting its default.
quantized = nncf.quantize(
    openvino.Core().read_model(source),
    nncf.Dataset(read_feeds(Path(feeds))),
    model_type=nncf.ModelType.TRANSFORMER,
)
openvino.save_model(quantized, f"{out}/model.xml", compress_to_fp16=False)
