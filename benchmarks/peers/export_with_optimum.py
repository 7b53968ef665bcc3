"""optimum's graphs and ONNX Runtime's own optimizer's; runs in the peers' environment.

Usage: export_with_optimum.py SOURCE OUT. Writes into OUT:
    model.onnx               optimum's plain export
    model_O3.onnx            optimum's -O3 of it
    model_optimizer.onnx     onnxruntime.transformers.optimizer's of it, its default for BERT
    model_quantized.onnx     optimum's avx512_vnni preset of the plain export
    model_per_channel.onnx   the same, per channel
    model_avx2.onnx          optimum's avx2 preset
"""

import json
import sys
from pathlib import Path

from onnxruntime.transformers.optimizer import optimize_model
from optimum.onnxruntime import ORTModelForFeatureExtraction, ORTOptimizer, ORTQuantizer
from optimum.onnxruntime.configuration import AutoOptimizationConfig, AutoQuantizationConfig

source, out = sys.argv[1:]
model = ORTModelForFeatureExtraction.from_pretrained(source, export=True)
model.save_pretrained(out)
ORTOptimizer.from_pretrained(model).optimize(
    save_dir=out, optimization_config=AutoOptimizationConfig.O3(), file_suffix="O3"
)
config = json.loads((Path(source) / "config.json").read_text(encoding="utf-8"))
optimize_model(
    f"{out}/model.onnx",
    model_type="bert",
    num_heads=config["num_attention_heads"],
    hidden_size=config["hidden_size"],
).save_model_to_file(f"{out}/model_optimizer.onnx")
presets = {
    "quantized": AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False),
    "per_channel": AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True),
    "avx2": AutoQuantizationConfig.avx2(is_static=False, per_channel=False),
}
for suffix, preset in presets.items():
    ORTQuantizer.from_pretrained(out, file_name="model.onnx").quantize(
        save_dir=out, quantization_config=preset, file_suffix=suffix
    )
