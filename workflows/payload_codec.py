"""What travels through Temporal, encrypted: inputs, results, signals, memos, failures and summaries, for every client.

Ids and counts are all that travels; whoever must not show even these to the operator of the cluster turns it on.
`read` decrypts and writes in clear: every process goes through it on the way to `on` and back, so that none meets what
it cannot read. Search attributes stay in clear: the server searches them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

Mode = Literal["off", "read", "on"]

ENCODING: Final = b"binary/encrypted"
_KEY: Final = "encoding"


class Cipher(Protocol):
    """Encrypts with the newest key and decrypts with any."""

    def encrypt_bytes(self, body: bytes) -> bytes:
        """The body, sealed."""

    def decrypt_bytes(self, token: bytes) -> bytes:
        """The body of what was sealed."""


class SealedPayloads(PayloadCodec):
    """Seals whole payloads, their metadata included; what is not sealed is read as it is."""

    def __init__(self, cipher: Cipher, *, writes: bool) -> None:
        self._cipher, self._writes = cipher, writes

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Sealed, or as they are."""
        return [self._sealed(payload) for payload in payloads] if self._writes else list(payloads)

    async def decode(self, payloads: Iterable[Payload]) -> list[Payload]:
        """As they were before they were sealed."""
        return [self._opened(payload) for payload in payloads]

    def _sealed(self, payload: Payload) -> Payload:
        return Payload(metadata={_KEY: ENCODING}, data=self._cipher.encrypt_bytes(payload.SerializeToString()))

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get(_KEY) != ENCODING:
            return payload
        return Payload.FromString(self._cipher.decrypt_bytes(payload.data))


def data_converter(mode: Mode, cipher: Callable[[], Cipher]) -> DataConverter:
    """The converter of every client; `cipher` is asked for only where there is something to seal or open."""
    if mode == "off":
        return pydantic_data_converter
    sealing = replace(pydantic_data_converter, payload_codec=SealedPayloads(cipher(), writes=mode == "on"))
    if mode == "read":
        return sealing
    # The text and the stack of an error would stay in clear otherwise.
    return replace(sealing, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)
