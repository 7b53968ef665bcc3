"""The browser that tests open pages in."""

import os
import shutil
from typing import Final

BROWSER: Final = (
    os.environ.get("EDGEBERT_BROWSER")
    or shutil.which("chromium")
    or shutil.which("google-chrome")
    or "chromium"
)
