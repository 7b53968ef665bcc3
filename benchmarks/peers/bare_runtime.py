"""The least that can answer: numpy, onnxruntime and tokenizers on the same file, nothing checked.

Usage: bare_runtime.py BUNDLE TEXT. Prints the vector and the peak memory in KiB.
"""

import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

bundle, text = sys.argv[1:]
tokenizer = Tokenizer.from_file(f"{bundle}/tokenizer.json")
session = onnxruntime.InferenceSession(
    f"{bundle}/onnx/model_quantized.onnx", providers=["CPUExecutionProvider"]
)
encoding = tokenizer.encode(text)
(vectors,) = session.run(
    ["sentence_embedding"],
    {
        "input_ids": np.array([encoding.ids], dtype=np.int64),
        "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
        "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
    },
)
with open("/proc/self/status") as status:
    peak_kibibytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print([vectors[0].tolist(), peak_kibibytes])
