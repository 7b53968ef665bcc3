"""How calls that take long say what they are at."""

import logging
from collections.abc import Callable
from typing import Final

ProgressCallback = Callable[[str], None]
"""Called with one line of text at the start of each stage."""

LOGGER: Final = logging.getLogger("edgebert")
"""Where the lines go when the caller passes no callback, at level INFO."""
