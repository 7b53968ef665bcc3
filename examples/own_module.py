"""Export a torch module of your own: a text-book Transformer, its tokenizer trained on the spot.

Usage: python -m examples.own_module OUT
"""

import math
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn

import edgebert
from edgebert_export import ExportSpec
from edgebert_runtime import load

TEXTS = ["the cat sat on the mat", "a dog ran over the hill", "cats and dogs like the mat"]
WIDTH, LENGTH, VOCABULARY = 64, 128, 200


class TextBook(nn.Module):
    """Token vectors, sines and cosines, four of torch's layers (Vaswani et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=256, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=4, enable_nested_tensor=False)
        angles = torch.arange(LENGTH)[:, None] / 10000 ** (torch.arange(0, WIDTH, 2) / WIDTH)
        self.positions = nn.Buffer(torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Shapes: (batch, sequence) twice to (batch, sequence, WIDTH)."""
        vectors = self.embedding(input_ids) * math.sqrt(WIDTH)
        vectors = vectors + self.positions[: input_ids.shape[1]]
        encoded: Tensor = self.encoder(vectors, src_key_padding_mask=attention_mask == 0)
        return encoded


def write_tokenizer(folder: Path) -> None:
    """A word-piece tokenizer of the texts above, as `tokenizer.json`."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=specials, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def main(out: str) -> None:
    """Export, verify, embed."""
    torch.manual_seed(0)
    module, folder = TextBook().eval(), Path(out)
    write_tokenizer(folder / "tokenizer")
    spec = ExportSpec(vocabulary=VOCABULARY, hidden=WIDTH, max_positions=LENGTH, layers=4)
    bundle = edgebert.export(
        module, folder / "bundle", spec=spec, tokenizer=folder / "tokenizer", overwrite=True
    )
    edgebert.verify(bundle, against=module, spec=spec).require()
    vectors = load(bundle).embed(TEXTS)
    fused = bundle.manifest.variants["cpu"].fusions["attention"]
    sys.stdout.write(f"{vectors.shape} vectors, {fused} fused attentions, equal to torch\n")


if __name__ == "__main__":
    main(sys.argv[1])
