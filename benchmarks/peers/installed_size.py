"""What distributions and all they need take on disk.

Usage: installed_size.py NAME…. Prints bytes of the files that pip installed for them, in the
environment it runs in; of a distribution that is installed from a checkout, of its sources.
"""

import json
import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from packaging.requirements import Requirement


def closure(names: list[str]) -> dict[str, Distribution]:
    """Every distribution that these need here, by name."""
    found: dict[str, Distribution] = {}
    left = [Requirement(name) for name in names]
    while left:
        requirement = left.pop()
        key = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if key in found:
            continue
        found[key] = distribution(requirement.name)
        for text in found[key].requires or []:
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                left.append(needed)
    return found


def size_bytes(found: Distribution) -> int:
    """Of its files."""
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        folder = Path(unquote(urlparse(origin["url"]).path))
        files = [path for path in folder.rglob("*.py") if "build" not in path.parts]
    else:
        files = [Path(str(file.locate())) for file in found.files or []]
    return sum(path.stat().st_size for path in files if path.is_file())


print(sum(size_bytes(each) for each in closure(sys.argv[1:]).values()))
