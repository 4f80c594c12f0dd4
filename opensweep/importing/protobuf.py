"""Protocol buffers' wire format, read without a schema: fields by number, and no more.

Enough for two formats whose messages we know (W&B's run file, TensorBoard's events); the library
would want their schema compiled, and a version that fits. Raises ImportFailed on torn bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sweeps.errors import ImportFailed

Value = int | bytes
Message = dict[int, list[Value]]


def parse(data: bytes) -> Message:
    """Field number -> its values in order. Whole numbers are int (unsigned, as on the wire); fixed
    32 and 64 bit fields, strings, bytes and messages are bytes."""
    message: Message = {}
    for number, value in _fields(data):
        message.setdefault(number, []).append(value)
    return message


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 1:
            size = 8
        elif kind == 5:
            size = 4
        elif kind == 2:
            size, at = _varint(data, at)
        else:
            raise ImportFailed(f"a message has a field of the unknown kind {kind}")
        if at + size > end:
            raise ImportFailed("a message is torn")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ImportFailed("a message is torn")


# -- the values of a field; the last one counts, as the format has it --------------------------


def messages(message: Message, number: int) -> list[Message]:
    return [parse(value) for value in message.get(number, []) if isinstance(value, bytes)]


def one(message: Message, number: int) -> Message:
    """A message within; an empty one when it is not there."""
    found = messages(message, number)
    return found[-1] if found else {}


def raw(message: Message, number: int) -> bytes:
    value = message.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def text(message: Message, number: int) -> str:
    return raw(message, number).decode("utf-8", "replace")


def texts(message: Message, number: int) -> list[str]:
    found = message.get(number, [])
    return [value.decode("utf-8", "replace") for value in found if isinstance(value, bytes)]


def whole(message: Message, number: int) -> int:
    """A signed whole number; 0 when it is not there."""
    value = message.get(number, [0])[-1]
    if not isinstance(value, int):
        return 0
    value &= (1 << 64) - 1  # a tenth byte may claim more
    return value - (1 << 64) if value >= 1 << 63 else value


def double(message: Message, number: int) -> float:
    return _fixed(raw(message, number), "<d")


def single(message: Message, number: int) -> float:
    return _fixed(raw(message, number), "<f")


def doubles(message: Message, number: int) -> list[float]:
    """A repeated double, packed or not."""
    return _repeated(message, number, "<d")


def singles(message: Message, number: int) -> list[float]:
    """A repeated float, packed or not."""
    return _repeated(message, number, "<f")


def seconds(message: Message, number: int) -> float | None:
    """A google.protobuf.Timestamp as seconds since 1970; None when it is not there."""
    if number not in message:
        return None
    stamp = one(message, number)
    return whole(stamp, 1) + whole(stamp, 2) / 1e9


def _repeated(message: Message, number: int, code: str) -> list[float]:
    data = b"".join(value for value in message.get(number, []) if isinstance(value, bytes))
    size = struct.calcsize(code)
    whole_bytes = data[: len(data) // size * size]
    return [value for (value,) in struct.iter_unpack(code, whole_bytes)]


def _fixed(data: bytes, code: str) -> float:
    if len(data) != struct.calcsize(code):
        return 0.0
    value: float = struct.unpack(code, data)[0]
    return value
