"""Arguments of the methods of an embedder."""

from dataclasses import dataclass
from typing import get_args

from edgebert_runtime.postprocessing.output_dtype import OutputDtype
from edgebert_runtime.tasks.options import ShortTextOptions, TaskOptions, option


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(TaskOptions):
    """Arguments of `Embedder.embed`, which explains them."""

    normalize: bool | None = option(
        None, "scale vectors to length 1 (default: as the bundle says)", action="boolean"
    )
    dimensions: int | None = option(
        None, "keep the first N numbers of a vector (default: all)", type=int, metavar="N"
    )
    prompt: str | None = option(
        None,
        "name of the bundle's prompt that is put before each text (default: the bundle's default)",
        metavar="NAME",
    )
    output_dtype: OutputDtype = option(
        "float32", "number format of the vectors", choices=get_args(OutputDtype)
    )


@dataclass(frozen=True, kw_only=True)
class TokenVectorOptions(ShortTextOptions):
    """Arguments of `Embedder.embed_tokens`, which explains them."""

    prompt: str | None = option(None)
