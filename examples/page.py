"""The demo's bundle as a page: type texts and see, in the browser, how similar they are.

Run by `make page`, which makes the page's scripts first.
"""

from typing import Final

from edgebert.workflow.page import page
from examples.demo import console, demo_bundle
from examples.minilm import CACHE, minilm_folder

PAGE: Final = CACHE / "demo-page"


def main() -> None:
    """Write the page, and say how to open it."""
    bundle = demo_bundle(minilm_folder())
    folder = page(
        bundle,
        PAGE,
        variant="int8",
        title="all-MiniLM-L6-v2 in your browser",
        overwrite=True,
        progress=console.print,
    )
    console.print(f"page: {folder}")
    console.print(f"open it: python -m http.server --directory {folder} 8000")
    console.print("then go to http://localhost:8000/")


if __name__ == "__main__":
    main()
