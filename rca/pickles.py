"""What a pickle would import, read without importing or calling any of it."""

import math
import pickle
from pathlib import Path
from typing import Any, BinaryIO, Self
import numpy as np
from joblib.compressor import _COMPRESSORS
from rca.errors import ModelError

#: More bytes than this, once decompressed, are no model that is read here.
LARGEST = 8 << 30


class _Counted:
    """A stream of bytes that ends with an error where there are too many."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.left = LARGEST

    def read(self, size: int) -> bytes:
        return self._count(self.stream.read(min(size, self.left + 1)))

    def readline(self) -> bytes:
        return self._count(self.stream.readline(self.left + 1))

    def _count(self, found: bytes) -> bytes:
        self.left -= len(found)
        if self.left < 0:
            raise ValueError(f"it holds more than {LARGEST >> 30} GB")
        return found


class Inert:
    """Stands for whatever a pickle names: it takes what it is given, and does nothing."""

    name = ""
    source: _Counted
    found: dict[str, None]

    def __new__(cls, *given: Any, **_: Any) -> Self:  # noqa: D102  nothing is done
        made = super().__new__(cls)
        made.__dict__["given"] = given
        return made

    def __setstate__(self, state: Any) -> None:
        """Pass over the array that joblib lays between the instructions; one of objects is a pickle itself."""
        if not self.name.endswith(".NumpyArrayWrapper"):
            return
        kind = np.dtype(state["dtype"].given[0])
        if kind.hasobject:
            _load(self.source, self.found)
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self.source.read(self.source.read(1)[0])
        left = math.prod(map(int, state["shape"])) * kind.itemsize
        while left > 0:
            if not (part := self.source.read(min(left, 1 << 24))):
                raise ValueError("an array is cut off")
            left -= len(part)

    def append(self, *_: Any) -> None:
        """Do nothing."""

    extend = add = __setitem__ = append


def names(file: str | Path) -> tuple[str, ...]:
    """Return what a pickle or a joblib file, compressed or not, would import, such as ``posix.system``.

    Where it is cut off, no pickle, or compressed as the standard library does not know, a ModelError says so.
    """
    found: dict[str, None] = {}
    try:
        with Path(file).open("rb") as raw:
            packed = [way for way in _COMPRESSORS.values() if raw.peek().startswith(way.prefix)]
            _load(_Counted(packed[0].decompressor_file(raw) if packed else raw), found)
    except Exception as problem:  # noqa: BLE001  a hostile file may raise anything
        detail = " ".join(str(problem).split())[:200]
        raise ModelError(f"it is no whole pickle ({type(problem).__name__}: {detail}): save the model again.") from None
    return tuple(found)


def _load(source: _Counted, found: dict[str, None]) -> Any:
    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            full = f"{module}.{name}"
            found[full] = None
            return type("Named", (Inert,), {"name": full, "source": source, "found": found})

        def persistent_load(self, pid: Any) -> Any:
            return Inert(pid)

    return Reader(source).load()  # a reader without `peek`, so that no byte is read ahead
