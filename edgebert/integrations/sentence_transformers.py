"""A bundle as a module of sentence-transformers, which brings torch for itself.

    module = Module("my-bundle", variant="int8")
    model = SentenceTransformer(modules=[module], **module.settings)

This is the one module of edgebert that imports sentence_transformers; versions 5 and 6 are tested.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import torch
from sentence_transformers.base.modules import Module as BaseModule
from torch import Tensor

from edgebert_runtime import Bundle, Embedder, Ranker, load
from edgebert_runtime.errors import ConfigError


class Module(BaseModule):
    """Answers `SentenceTransformer` and `CrossEncoder` with the runtime instead of with torch
    (https://sbert.net/docs/package_reference/base/modules.html).

    The bundle's tokenizer, limit, pooling and normalization apply. `settings` are the arguments
    of `SentenceTransformer` and `CrossEncoder` that the bundle decides: prompts and similarity, or
    the activation of scores. The module has no parameters: it cannot be trained, and stays on the
    CPU or on the `provider` of its options.

    Args:
        bundle: folder of a bundle for `embed` or `rank`, or its name on the Hub.
        options: of `edgebert_runtime.load`, such as `variant="int8"` and `threads=1`.

    Raises:
        ConfigError: the bundle is for another task.
        EdgebertError: as `load`.
    """

    config_file_name: ClassVar[str] = "edgebert_module.json"

    def __init__(self, bundle: str, **options: Any) -> None:
        super().__init__()
        self._arguments = {"bundle": str(bundle), **options}
        self._model: Any = load(bundle, **options)
        found = self._model.info()
        if found.task not in ANSWERS:
            raise ConfigError(
                f"{bundle} is for task {found.task!r}; sentence-transformers takes bundles for "
                f"{' or '.join(ANSWERS)}"
            )
        self._answer = ANSWERS[found.task]
        self._task = Bundle.open(found.bundle).manifest.tasks[found.task]

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of `SentenceTransformer` or `CrossEncoder` that belong to this bundle."""
        embedding, head = self._task.embedding, self._task.head
        if head is not None:
            return {"activation_fn": ACTIVATIONS[head.activation]()}
        assert embedding is not None  # a bundle for embed has one
        return {
            "prompts": dict(embedding.prompts),
            "default_prompt_name": embedding.default_prompt,
            "similarity_fn_name": embedding.similarity,
        }

    @property
    def max_seq_length(self) -> int:
        """Where texts are cut, in tokens, special tokens included."""
        return int(self._model.max_length)

    def get_embedding_dimension(self) -> int | None:
        """Numbers of a vector; None for a bundle that ranks."""
        dimensions: int | None = self._model.dimensions
        return dimensions

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **_: Any
    ) -> dict[str, Any]:
        """The texts or pairs, and whether the bundle's default prompt is to be put before them."""
        if prompt is None:
            return {"items": list(inputs), "prompt": None}
        return {"items": [_prefixed(prompt, item) for item in inputs], "prompt": ""}

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """`sentence_embedding`, float32 (texts, dimensions), or `scores`, float32 (pairs, 1)."""
        return {**features, **self._answer(self._model, features)}

    def get_config_dict(self) -> dict[str, Any]:
        """The arguments, for `load`."""
        return dict(self._arguments)

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Write the arguments. The bundle is not copied: it must be there when they are read."""
        self.save_config(output_path)


def _prefixed(prompt: str, item: Any) -> Any:
    """A text behind the prompt, or a pair whose first text is."""
    return prompt + item if isinstance(item, str) else (prompt + item[0], *item[1:])


def _embed(model: Embedder, features: Mapping[str, Any]) -> dict[str, Tensor]:
    vectors = model.embed(features["items"], prompt=features["prompt"])
    return {"sentence_embedding": torch.from_numpy(vectors)}


def _rank(model: Ranker, features: Mapping[str, Any]) -> dict[str, Tensor]:
    """Logits: `CrossEncoder` applies the activation."""
    encoded = model.encode([tuple(pair) for pair in features["items"]])
    rows = [torch.from_numpy(logits) for item in model.run(encoded) for _, (logits,) in item]
    return {"scores": torch.stack(rows)}


ANSWERS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], dict[str, Tensor]]]] = {
    "embed": _embed,
    "rank": _rank,
}
"""Task → what sentence-transformers expects of a module's output."""

ACTIVATIONS: Final = {"sigmoid": torch.nn.Sigmoid, "none": torch.nn.Identity}
