"""optimum's plain export and its int8 presets; runs in the peers' environment.

Usage: optimum_export.py SOURCE OUT. Writes OUT/model.onnx, OUT/model_quantized.onnx (avx512_vnni),
OUT/model_per_channel.onnx (the same, per channel) and OUT/model_avx2.onnx.
"""

import sys

from optimum.onnxruntime import ORTModelForFeatureExtraction, ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

source, out = sys.argv[1:]
ORTModelForFeatureExtraction.from_pretrained(source, export=True).save_pretrained(out)
presets = {
    "quantized": AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False),
    "per_channel": AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True),
    "avx2": AutoQuantizationConfig.avx2(is_static=False, per_channel=False),
}
for suffix, preset in presets.items():
    ORTQuantizer.from_pretrained(out, file_name="model.onnx").quantize(
        save_dir=out, quantization_config=preset, file_suffix=suffix
    )
