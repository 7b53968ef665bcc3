"""CTranslate2's own conversions of a checkpoint; runs in the peers' environment.

Usage: convert_with_ctranslate2.py SOURCE OUT. Writes OUT/float32 and OUT/int8.
"""

import sys

from ctranslate2.converters import TransformersConverter

source, out = sys.argv[1:]
for kind in ("float32", "int8"):
    TransformersConverter(source).convert(f"{out}/{kind}", quantization=kind)
