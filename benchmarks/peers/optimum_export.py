"""optimum's plain export and its avx512_vnni int8 preset; runs in the peers' environment.

Usage: optimum_export.py SOURCE OUT. Writes OUT/model.onnx and OUT/model_quantized.onnx.
"""

import sys

from optimum.onnxruntime import ORTModelForFeatureExtraction, ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

source, out = sys.argv[1:]
ORTModelForFeatureExtraction.from_pretrained(source, export=True).save_pretrained(out)
preset = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False)
ORTQuantizer.from_pretrained(out, file_name="model.onnx").quantize(
    save_dir=out, quantization_config=preset
)
