"""What a pickle holds and what it would import, read without importing or calling any of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rca.errors import ModelError

#: More bytes than this, once decompressed, are no model that is read here.
LARGEST = 8 << 30
_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\x00": lzma.open,
}


class Inert:
    """Stands for whatever a pickle names: it takes what it is given, and does nothing."""

    name = ""
    source: BinaryIO

    def __new__(cls, *given: Any, **_: Any) -> Inert:  # noqa: D102
        made = super().__new__(cls)
        made.__dict__.update(given=given, state={}, items=[])
        return made

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state
        if self.name.endswith(".NumpyArrayWrapper") and isinstance(state, dict):
            self.__dict__["items"] = [self._follows(state)]

    def _follows(self, state: dict[str, Any]) -> Any:
        """Read the array that joblib lays between the instructions, as it stands there."""
        kind = _dtype(state["dtype"])
        if kind is None:
            return type(self)._within(self.source)  # type: ignore[attr-defined]  # set where the class is made
        if state.get("numpy_array_alignment_bytes") is not None:
            self.source.read(self.source.read(1)[0])
        shape, order = state["shape"], state.get("order", "C")
        size = int(np.prod([int(n) for n in shape], dtype=object)) * kind.itemsize
        raw = self.source.read(size) if 0 <= size <= LARGEST else b""
        if len(raw) != size:
            raise ValueError("an array is cut off")
        return np.frombuffer(raw, kind).reshape(shape, order=order)

    def append(self, item: Any) -> None:  # noqa: D102
        self.__dict__["items"].append(item)

    def extend(self, items: Any) -> None:  # noqa: D102
        self.__dict__["items"].extend(items)

    add = append

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__["items"].append((key, value))


@dataclass(frozen=True, slots=True)
class Pickle:
    """A pickle's content, with :class:`Inert` objects in the place of all that has a type, and the names it imports."""

    content: Any
    names: tuple[str, ...]


def read(file: str | Path) -> Pickle:
    """Read a pickle or a joblib file, compressed or not.

    Raises
    ------
    ModelError
        Where it is cut off, no pickle, or compressed in a way that the standard library does not know.

    Examples
    --------
    >>> import os, pickle, tempfile
    >>> class Evil:
    ...     def __reduce__(self):
    ...         return os.system, ("echo harm",)
    >>> with tempfile.NamedTemporaryFile() as stream:
    ...     pickle.dump({"depth": 3, "bad": Evil()}, stream, protocol=0)
    ...     stream.flush()
    ...     found = read(stream.name)
    >>> found.names, found.content["depth"], found.content["bad"].given
    (('posix.system',), 3, ('echo harm',))
    """
    names: dict[str, None] = {}
    try:
        with Path(file).open("rb") as raw:
            content = _load(_Counted(_unpacked(raw)), names)
    except Exception as problem:  # noqa: BLE001  a hostile file may raise anything
        detail = " ".join(str(problem).split())[:200]
        raise ModelError(f"it is no whole pickle ({type(problem).__name__}: {detail}): save the model again.") from None
    return Pickle(content, tuple(names))


def _load(source: _Counted, names: dict[str, None]) -> Any:
    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            full = f"{module}.{name}"
            names[full] = None
            within = staticmethod(lambda _: _load(source, names))
            return type("Named", (Inert,), {"name": full, "source": source, "_within": within})

        def persistent_load(self, pid: Any) -> Any:
            return Inert(pid)

    return Reader(source).load()  # a reader without `peek`, so that no byte is read ahead


class _Counted:
    """A stream of bytes that ends with an error where there are too many."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.left = LARGEST

    def read(self, size: int = -1) -> bytes:
        return self._count(self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1))

    def readline(self) -> bytes:
        return self._count(self.stream.readline(self.left + 1))

    def _count(self, found: bytes) -> bytes:
        self.left -= len(found)
        if self.left < 0:
            raise ValueError(f"it holds more than {LARGEST >> 30} GB")
        return found


def _unpacked(raw: BinaryIO) -> Any:
    """Return the bytes behind joblib's compressions."""
    head = raw.read(6)
    raw.seek(0)
    opened = next((way for magic, way in _PACKED.items() if head.startswith(magic)), None)
    if opened is not None:
        return opened(raw)
    if head[:1] == b"\x78":
        return io.BytesIO(zlib.decompressobj().decompress(raw.read(), LARGEST))
    return raw


def _dtype(kind: Any) -> np.dtype[Any] | None:
    """Return the type of an array's items; None where these are objects."""
    try:
        found = np.dtype(kind.given[0])
        order = kind.state[1] if isinstance(kind.state, tuple) else "="
    except (AttributeError, IndexError, TypeError):
        raise ValueError("an array has a type that is not read here") from None
    return None if found.hasobject else found.newbyteorder(order if order in "<>" else "=")


def plain(content: Any) -> Any:
    """Return arrays and numbers of numpy for the objects that stand for them; all else is returned as it is."""
    try:
        if content.name.endswith(".NumpyArrayWrapper"):
            return plain(content.items[0])
        if content.name.endswith("multiarray._reconstruct"):
            _, shape, kind, fortran, raw = content.state
            known = _dtype(kind)
            flat = np.array(raw, dtype=object) if known is None else np.frombuffer(raw, known)
            return flat.reshape(shape, order="F" if fortran else "C")
        if content.name.endswith("multiarray.scalar"):
            kind, raw = content.given
            return np.frombuffer(raw, _dtype(kind))[0]
    except (AttributeError, ValueError, TypeError, IndexError):
        pass
    return content
