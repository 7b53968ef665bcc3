"""Damage to JSON and to bytes, decided by a seeded generator."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, Final

HOSTILE: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, 2, -1, 7, 255, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**30),
    *(0.5, 1.0, -0.0, 1e-320, 1e308, float("nan"), float("inf")),
    *("", "a", " ", "../x", "/etc/passwd", "a\0b", "\ud800", "\n", "é" * 300, "9" * 400, "[PAD]"),
    *("Replace", "Sequence", "ByteLevel", "fp32", "cpu", "onnx/model.onnx", "tokenizer.json"),
    *([], {}, [[]], [None], {"": ""}, [1, "a"], {"a": {"b": []}}),
)
RAW: Final = ("[" * 100_000, "9" * 5000, "NaN", "1e999", '{"a":1,"a":2}', '"\\ud800"', "", "\0")
"""Texts in place of a value, which `json.dumps` would not write."""
MANY: Final = 2_000
MARK: Final = "\x01here\x01"


def damaged_json(random: Random, content: bytes) -> bytes:
    """A JSON text with one to three changes of its values; seldom of its bytes."""
    if random.random() < 0.08:
        return damaged_bytes(random, content)
    root = [json.loads(content)]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        holder, key = _place(random, root)
        random.choice(CHANGES)(random, holder, key)
    text = json.dumps(root[0] if root else None, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.1:
        holder, key = _place(random, root := [json.loads(text)])
        holder[key] = MARK
        text = json.dumps(root[0]).replace(json.dumps(MARK), random.choice(RAW))
    return text.encode("utf-8", "surrogatepass")


def damaged_bytes(random: Random, content: bytes) -> bytes:
    """Bytes with some flipped, cut, put in, repeated or left out."""
    found = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(found) + 1)
        size = random.choice((1, 1, 2, 4, 8, 64, 1024))
        match random.randrange(6):
            case 0:
                found[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                del found[at : at + size]
            case 2:
                found[at:at] = random.randbytes(size)
            case 3:
                found[at:at] = found[max(0, at - size) : at]
            case 4:
                found[at : at + size] = random.choice((b"\0", b"\xff", b"\x80")) * size
            case _:
                del found[at if random.random() < 0.2 else len(found) :]
    return bytes(found)


def _place(random: Random, root: list[Any]) -> tuple[Any, Any]:
    """A container and a key in it; those near the root as likely as the many below."""
    holder: Any = root
    key: Any = 0
    while True:
        below = holder[key]
        if not isinstance(below, dict | list) or not below or random.random() < 0.15:
            return holder, key
        keys = list(below) if isinstance(below, dict) else range(len(below))
        holder, key = below, random.choice(keys)


def _other(random: Random, holder: Any, key: Any) -> None:
    holder[key] = deepcopy(random.choice(HOSTILE))


def _nudge(random: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, str):
        holder[key] = random.choice((value + "x", value[1:], value * 3, [value], value.upper()))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = random.choice((value + 1, value - 1, -value, value * 1000, str(value)))
    elif isinstance(value, list | dict):
        holder[key] = random.choice(([value], {"a": value}, list(value), str(value)[:50]))
    else:
        holder[key] = random.choice((not value, str(value), 1))


def _leave_out(random: Random, holder: Any, key: Any) -> None:
    del random
    if isinstance(holder, dict) or len(holder) > 1:
        del holder[key]


def _add(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice(("", "x", "../x", f"{key}2", f"{key}\n"))] = deepcopy(holder[key])
    else:
        holder[key:key] = [deepcopy(holder[key])] * random.choice((1, 1, 3, MANY))


def _exchange(random: Random, holder: Any, key: Any) -> None:
    other, there = _place(random, [holder])
    if not isinstance(other[there], dict | list):
        holder[key], other[there] = deepcopy(other[there]), deepcopy(holder[key])


CHANGES: Final[tuple[Callable[[Random, Any, Any], None], ...]] = (
    _other,
    _other,
    _other,
    _nudge,
    _nudge,
    _leave_out,
    _add,
    _exchange,
)
