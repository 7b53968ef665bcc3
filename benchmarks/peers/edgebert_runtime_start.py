"""`load` and one `embed`, as an app does it.

Usage: edgebert_runtime_start.py BUNDLE VARIANT CACHE TEXT. Prints the vector and the peak memory in
KiB.
"""

import sys

from edgebert_runtime import load

bundle, variant, cache, text = sys.argv[1:]
vectors = load(bundle, variant=variant, cache_dir=cache or False).embed([text])
with open("/proc/self/status") as status:
    peak_kibibytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print([vectors[0].tolist(), peak_kibibytes])
if "torch" in sys.modules:
    raise SystemExit("torch was imported")
