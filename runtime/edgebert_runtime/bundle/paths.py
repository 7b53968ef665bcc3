"""Paths a bundle names, which may come from anyone and must not lead out of its folder."""

from pathlib import Path, PureWindowsPath
from typing import Final

from edgebert_runtime.errors import UnsafePathError

PORTS: Final = [f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"]
DEVICES: Final = frozenset(("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *PORTS))
"""Names that are no files on Windows, in any folder and with any ending.
https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

FORBIDDEN: Final = frozenset('<>:"|?*') | frozenset(map(chr, range(32)))
"""Characters that no name has there; what stands behind a colon is a stream of a file."""


def resolve_inside(folder: Path, relative: str) -> Path:
    """The real path of what `relative` names in `folder`; it need not exist.

    Links are followed, also those in the middle of the path, and may lead anywhere inside the
    folder, which itself may be reached through a link. The answer holds for the moment: whoever
    may write into the folder can change a link after it.

    Args:
        folder: the bundle's folder.
        relative: a path with `/`, as manifests and graphs spell them on every system.

    Raises:
        UnsafePathError: `relative` is empty, absolute (in the POSIX or a Windows form), contains
            a backslash, a NUL or `..`, is a name that Windows reserves, or leads out of the folder
            through a link.
    """
    check_spelling(folder, relative)
    try:
        root = folder.resolve()
        real = (root / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, text no path can hold
        raise _refusal(folder, relative, f"which cannot be followed ({error})") from error
    if not real.is_relative_to(root):
        raise _refusal(folder, relative, f"which a link leads out to {str(real)!r}")
    return real


def check_spelling(folder: Path, relative: str) -> None:
    """Refuse a path whose text alone shows that it does not stay in the folder.

    Args:
        folder: the bundle's folder, for the error.
        relative: as `resolve_inside` takes it.

    Raises:
        UnsafePathError: as `resolve_inside`, links left aside.
    """
    reason = _why_unsafe(relative)
    if reason is not None:
        raise _refusal(folder, relative, reason)


def _why_unsafe(relative: str) -> str | None:
    """What the text alone gives away, the same on every system; None if nothing."""
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if relative.startswith("/") or PureWindowsPath(relative).anchor:
        return "which is absolute"
    if "\\" in relative:
        return "which contains a backslash"
    if "\0" in relative:
        return "which contains a NUL"
    if ".." in parts:
        return "which contains '..'"
    if not parts:
        return "which names no file"
    reserved = [part for part in parts if _is_reserved(part)]
    return f"where Windows can have no file {reserved[0]!r}" if reserved else None


def _is_reserved(part: str) -> bool:
    """Whether Windows takes a name for a device or a stream of a file, or shortens it."""
    stem = part.partition(".")[0].rstrip(" ").upper()
    return stem in DEVICES or part.endswith((".", " ")) or not FORBIDDEN.isdisjoint(part)


def _refusal(folder: Path, relative: str, reason: str) -> UnsafePathError:
    return UnsafePathError(
        f"{folder} names {relative!r}, {reason}; a bundle's paths are relative, with '/', and "
        "stay in its folder: do not use this bundle unless you know where it comes from"
    )
