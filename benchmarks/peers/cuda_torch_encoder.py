"""A checkpoint in torch on a GPU, to mean-pooled vectors of length 1 on the CPU.

Options: `mode`: fp32, fp16 (both SDPA), compile (fp16, CUDA graphs) or sentence-transformers (its
defaults); `device`: cuda, or cpu to try it out.
"""

import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import Feeds, Run, serve


def pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of the tokens that are kept, in float32, of length 1."""
    kept = mask[..., None].float()
    return torch.nn.functional.normalize((hidden.float() * kept).sum(1) / kept.sum(1))


def open_transformers(model: str, mode: str, device: str) -> Any:
    """From tensors to vectors."""
    from transformers import AutoModel

    kind = torch.float32 if mode == "fp32" else torch.float16
    loaded = AutoModel.from_pretrained(model, dtype=kind, attn_implementation="sdpa")
    loaded = loaded.eval().to(device)
    taken = signature(loaded.forward).parameters
    prepared = torch.compile(loaded, mode="reduce-overhead") if mode == "compile" else loaded

    def encode(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        wanted = {name: tensor for name, tensor in tensors.items() if name in taken}
        return pooled(prepared(**wanted).last_hidden_state, tensors["attention_mask"])

    return encode


def open_sentence_transformers(model: str, device: str) -> Any:
    """From tensors to vectors, as its `encode` makes them of tokens."""
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(model, device=device).eval()

    def encode(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        vectors: torch.Tensor = loaded(tensors)["sentence_embedding"]
        return torch.nn.functional.normalize(vectors)

    return encode


def open_model(model: str, options: dict[str, str], threads: int) -> Run:
    """A model in its mode."""
    torch.set_num_threads(threads)
    mode, device = options["mode"], options["device"]
    encode = (
        open_sentence_transformers(model, device)
        if mode == "sentence-transformers"
        else open_transformers(model, mode, device)
    )

    def run(feeds: Feeds) -> NDArray[np.float32]:
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(array).to(device) for name, array in feeds.items()}
            vectors: torch.Tensor = encode(tensors)
            return vectors.float().cpu().numpy()

    return run


if __name__ == "__main__":
    serve(open_model)
