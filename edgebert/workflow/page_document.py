"""What is written for one bundle beside the scripts of its page: document, colours and notes."""

import json
from dataclasses import dataclass
from typing import Any, Final

from edgebert.reporting.colours import SERIES
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.html import STYLE, escaped

POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""The browser itself refuses every request that leaves the folder's host."""

DOCUMENT: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
<script type="application/json" id="page">{settings}</script>
<script type="module" src="page.js"></script>
</head>
<body>
<main>
<h1>{title}</h1>
<noscript><p>This page runs a model in the browser, so it needs JavaScript.</p></noscript>
</main>
</body>
</html>
"""

NOTES: Final = """\
# {title}: a page that runs in the browser

Everything that the page needs is in this folder: scripts, engine, model and tokenizer. Texts never
leave the visitor's browser. Try it here, in this folder:

```sh
python -m http.server 8000
```

Then open <http://localhost:8000/>. Opening `index.html` as a file does not work: browsers load no
modules and no WebAssembly from files.

| file | what it is |
|---|---|
| `index.html` | the page; `page` in it says which model and task it opens |
| `page.js`, `worker.js`, `page.css` | the page's scripts and style; the model runs in the worker |
| `offline.js` | keeps the page in the browser, for visits without a network |
| `ort-wasm-simd-threaded.mjs`, `.wasm` | onnxruntime-web, the engine |
| `{model}` | the bundle, with variant `{variant}` alone ({size:.1f} MiB) |
| `third-party.txt` | licences of what others wrote |

## Hosting

- Any server of files will do, under any address. All paths are relative.
- The address must begin with `https://`, or be `localhost`: elsewhere browsers have no
  SubtleCrypto, by which the page compares the files with their hashes.
- Let the server compress `.wasm`, `.js` and `.onnx` files (gzip or brotli), and send `.wasm` files
  as `application/wasm`.
- Files of the model are kept in the browser under their hashes. A second visit asks only for
  `{model}edgebert.json` and the page's own files, which are kept, too (`offline.js`, a service
  worker). Where the network cannot be reached, the page opens and answers without it.
- Replace the folder as a whole, so that scripts and model belong together.

## Threads

The engine uses several threads where the page is isolated from other origins. That takes two
headers on every answer of the server:

```text
Cross-Origin-Opener-Policy: same-origin
Cross-Origin-Embedder-Policy: require-corp
```

Without them the page runs on one thread. Nothing else changes. The engine takes half of the cores,
at most four; `?threads=2` behind the page's address asks for another number.

## A model on another host

Write its address as `model` in the `page` script of `index.html`, add that host to `connect-src` in
the Content-Security-Policy, and let that host send `Access-Control-Allow-Origin`.
"""


@dataclass(frozen=True, kw_only=True)
class PageText:
    """What the page is about.

    Attributes:
        title: its heading.
        model: where the bundle lies, relative to the page.
        manifest: of that bundle, which has one variant.
    """

    title: str
    model: str
    manifest: Manifest

    @property
    def settings(self) -> dict[str, Any]:
        """What the page's script reads."""
        return {
            "model": self.model,
            "task": self.manifest.default_task,
            "variant": self.manifest.default_variant,
            "mask": self.manifest.tokenizer.special_tokens.get("mask_token"),
        }


def index_html(text: PageText) -> str:
    """The page itself."""
    settings = json.dumps(text.settings, ensure_ascii=False).replace("<", "\\u003c")
    return DOCUMENT.format(policy=POLICY, title=escaped(text.title), settings=settings)


def stylesheet() -> str:
    """The look of all pages of edgebert, and the colours of series, light and dark."""
    light, dark = (
        "".join(f"--series-{at}:{colour[scheme]};" for at, colour in enumerate(SERIES))
        for scheme in (0, 1)
    )
    return f"{STYLE}:root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def notes(text: PageText) -> str:
    """What a host has to know, in Markdown."""
    manifest = text.manifest
    size = sum(each.size_bytes for each in manifest.files.values()) / MEBIBYTE
    return NOTES.format(
        title=text.title, model=text.model, variant=manifest.default_variant, size=size
    )
