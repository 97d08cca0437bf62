"""Streams an export to disk in constant memory, and tells a whole one from a part of one.

The file appears under its name only when it is whole, so a crash or a second run leaves no half export.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import httpx
import xxhash
from isal import isal_zlib

from clients.cardtrader.errors import ExportTruncated, MalformedAnswer

_BLOCK: Final = 256 * 1024
_MOST_AT_ONCE: Final = 4 * 1024 * 1024
_GZIP_WINDOW: Final = 31
# The library's stub declares this class as if it were an instance.
_DAMAGED: Final = cast("type[Exception]", isal_zlib.IsalError)

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A whole export. `bytes` and `checksum` (xxh3-128, hex) are of the JSON text, not of the transfer."""

    path: Path
    bytes: int
    checksum: str


class _Decoder(Protocol):
    def __call__(self, block: bytes, write: Callable[[bytes], None]) -> None: ...
    def finish(self) -> None: ...


class _Identity:
    """The text itself; whether it is whole is told by the transfer, and by the JSON in the end."""

    def __call__(self, block: bytes, write: Callable[[bytes], None]) -> None:
        write(block)

    def finish(self) -> None:
        """Nothing to check."""


class _Gzip:
    """Inflates in bounded pieces; the trailer's checksum and length are checked by isal."""

    def __init__(self) -> None:
        self._inflate = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)

    def __call__(self, block: bytes, write: Callable[[bytes], None]) -> None:
        while block:
            if self._inflate.eof:
                raise MalformedAnswer("The export goes on after its end.")
            try:
                write(self._inflate.decompress(block, _MOST_AT_ONCE))
            except _DAMAGED:
                raise ExportTruncated("The export's compression is damaged.") from None
            block = self._inflate.unconsumed_tail or self._inflate.unused_data

    def finish(self) -> None:
        """The stream must have reached its trailer."""
        if not self._inflate.eof:
            raise ExportTruncated


class ExportSink:
    """A file being written. Blocking: call it from a thread, one call at a time."""

    def __init__(self, path: Path, encoding: str, limit: int) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._decode = _decoder(encoding)
        self._limit, self.written = limit, 0
        self._hash = xxhash.xxh3_128()
        self._file = self._part.open("wb")

    def feed(self, block: bytes) -> None:
        """Take a block as it came over the wire."""
        self._decode(block, self._write)

    def commit(self) -> ExportFile:
        """Check that the end was reached and give the file its name."""
        self._decode.finish()
        self._file.close()
        os.replace(self._part, self._path)
        return ExportFile(self._path, self.written, self._hash.hexdigest())

    def discard(self) -> None:
        """Forget what was written; harmless after `commit`."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _write(self, text: bytes) -> None:
        self.written += len(text)
        if self.written > self._limit:
            raise MalformedAnswer("The export is larger than allowed.")
        self._hash.update(text)
        self._file.write(text)


def _decoder(encoding: str) -> _Decoder:
    match encoding.strip().lower():
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip":
            return _Gzip()
        case _:
            raise MalformedAnswer("The export came in an encoding that was not asked for.")


async def save(response: httpx.Response, path: Path, limit: int, on_progress: Progress | None) -> ExportFile:
    """Write the answer's body to `path`; `on_progress` gets the bytes of JSON so far, after each block.

    Raises:
        ExportTruncated: the transfer or the compressed stream ended early.
        MalformedAnswer: larger than `limit` bytes, or not gzip.
        httpx.TransportError: the connection failed.
    """
    encoding = response.headers.get("Content-Encoding", "")
    sink = await asyncio.to_thread(ExportSink, path, encoding, limit)
    try:
        async for block in response.aiter_raw(_BLOCK):
            await asyncio.to_thread(sink.feed, block)
            if on_progress is not None:
                on_progress(sink.written)
        _check_length(response)
        return await asyncio.to_thread(sink.commit)
    finally:
        sink.discard()


def _check_length(response: httpx.Response) -> None:
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) != response.num_bytes_downloaded:
        raise ExportTruncated
