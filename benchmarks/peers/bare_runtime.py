"""The least that can answer: numpy, onnxruntime and tokenizers on the same file, nothing checked.

Usage: bare_runtime.py BUNDLE GRAPH (nothing) TEXT. Prints the vector, the peak memory and what the
imports take of it, both in KiB.
"""

import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def memory_kib(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


imported = memory_kib("VmRSS")
bundle, graph, _, text = sys.argv[1:]
tokenizer = Tokenizer.from_file(f"{bundle}/tokenizer.json")
session = onnxruntime.InferenceSession(f"{bundle}/onnx/{graph}", providers=["CPUExecutionProvider"])
encoding = tokenizer.encode(text)
feeds = {
    "input_ids": np.array([encoding.ids], dtype=np.int64),
    "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
    "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
}
wanted = {node.name: feeds[node.name] for node in session.get_inputs()}
(vectors,) = session.run(["sentence_embedding"], wanted)
print([vectors[0].tolist(), memory_kib("VmHWM"), imported])
