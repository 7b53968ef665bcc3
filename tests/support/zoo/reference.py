"""What a folder should give: transformers' model, and sentence-transformers' modules in numpy.

Source of the modules: sentence-transformers 5.1, models/Pooling.py, Dense.py and Normalize.py.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer

from tests.support.zoo.folder import Built
from tests.support.zoo.layouts import Layout
from tests.support.zoo.tokenizers import tokenizer_fields

FLAGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
}
ACTIVATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "torch.nn.modules.activation.Tanh": np.tanh,
    "torch.nn.modules.linear.Identity": np.asarray,
}
Floats = np.ndarray[Any, Any]

TEXTS: Final = (
    "The small Cat sat on the mat.",
    "Über-café naïve! Ａｂ ﬁ 中国 and 😀",
    " leading  and trailing ",
    "tabs\tand\nnewlines\u3000①",
    "",
)


def outputs(built: Built, task: str, ids: list[int], type_ids: list[int]) -> list[Floats]:
    """The vector, or the logits, of one text: each without the dimension of the batch."""
    model = built.model.base_model if task == "embed" else built.model
    feeds = {"input_ids": torch.tensor([ids])}
    if "token_type_ids" in inspect.signature(model.forward).parameters:
        known = getattr(model.config, "type_vocab_size", 0)
        feeds["token_type_ids"] = torch.tensor([type_ids]).clamp(max=max(known - 1, 0))
    with torch.no_grad():
        given = model(**feeds)
    if task == "embed":
        return [_vector(built, given.last_hidden_state[0].numpy())]
    names = ("start_logits", "end_logits") if task == "answer" else ("logits",)
    return [given[name if name in given else "prediction_logits"][0].numpy() for name in names]


def _vector(built: Built, hidden: Floats) -> Floats:
    modules = built.modules or {"1_Pooling": ({"pooling_mode_mean_tokens": True}, {})}
    vector = hidden
    for config, tensors in modules.values():
        if tensors:
            vector = _dense(config, tensors, vector)
        elif config:
            vector = _pooled(config, hidden)
        else:
            vector = vector / np.linalg.norm(vector)
    return vector


def _pooled(config: Mapping[str, Any], hidden: Floats) -> Floats:
    ways = {"cls": hidden[0], "max": hidden.max(0), "mean": hidden.mean(0)}
    named = config.get("pooling_mode")
    modes = [named] if named else [way for key, way in FLAGS.items() if config.get(key)]
    return np.concatenate([ways[mode] for mode in modes])


def _dense(
    config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], vector: Floats
) -> Floats:
    bias = tensors["linear.bias"].numpy() if "linear.bias" in tensors else 0.0
    result = tensors["linear.weight"].numpy() @ vector + bias
    activated: Floats = ACTIVATIONS[config["activation_function"]](result)
    return activated


def own_tokenizer(layout: Layout) -> Tokenizer:
    """What the folder's files say, without truncation and padding."""
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_fields(layout)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
