"""Keys that clients show: read from a file that only its owner reads, compared in constant time."""

import hmac
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import ConfigError

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
SCHEME: Final = "bearer"


@dataclass(frozen=True, repr=False)
class Keys:
    """Keys of which a client must show one; with none everybody is let in.

    Attributes:
        digests: SHA-256 of each key, which have one length whatever the keys have.
    """

    digests: Sequence[bytes] = ()

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Keys":
        """Keys in plain text."""
        return cls([sha256(key.encode()).digest() for key in keys])

    def admit(self, authorization: str | None) -> bool:
        """Whether a header `Authorization: Bearer KEY` has one of the keys.

        Every key is compared, each in constant time, so that the time says nothing of them.
        """
        if not self.digests:
            return True
        scheme, _, shown = (authorization or "").partition(" ")
        digest = sha256(shown.strip().encode()).digest()
        found = [hmac.compare_digest(digest, each) for each in self.digests]
        return any(found) and scheme.lower() == SCHEME


def read_keys(path: Path) -> Keys:
    """The keys of a file: one a line; empty lines and those that begin with `#` are left out.

    Raises:
        ConfigError: it cannot be read, others than its owner may read it, or it has no key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"key file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"key file {path} is not text in UTF-8; put one key on a line") from error
    if os.name == "posix" and mode & OTHERS:
        raise ConfigError(
            f"key file {path} may be used by others (mode {stat.S_IMODE(mode):04o}, expected 0600 "
            f"or 0400); run chmod 600 {path}, and choose new keys if others have read it"
        )
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ConfigError(f"key file {path} has no key; put one on a line")
    return Keys.of(keys)
