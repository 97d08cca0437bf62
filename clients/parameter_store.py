"""Secrets kept in AWS Systems Manager (SSM): read once at start, and never passed over when they cannot be.

Any secret of the settings may be given as a reference, `ssm:/path/of/it`, in place of its value.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import SecretStr

REFERENCE: Final = "ssm:"


class ParameterUnreadable(Exception):
    """A parameter cannot be read; the message names it, and the kind of fault."""


class ParameterStore:
    """The parameters of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._client: Any = None

    def resolve(self, value: str) -> str:
        """What a reference leads to; any other value as it is. Raises `ParameterUnreadable`."""
        return self.read(value.removeprefix(REFERENCE)) if value.startswith(REFERENCE) else value

    def secret(self, path: str) -> SecretStr:
        """The parameter at `path`. Raises `ParameterUnreadable`."""
        return SecretStr(self.read(path))

    def read(self, path: str) -> str:
        """The parameter at `path`, decrypted. Raises `ParameterUnreadable`."""
        try:
            import boto3
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise ParameterUnreadable("AWS_SSM_ENABLED needs boto3: install brx-sync[aws]") from error
        try:
            self._client = self._client or boto3.client("ssm", region_name=self._region)
            answer = self._client.get_parameter(Name=path, WithDecryption=True)
        except (BotoCoreError, ClientError) as error:
            raise ParameterUnreadable(f"{path} cannot be read from AWS SSM ({type(error).__name__})") from error
        value = str(answer["Parameter"]["Value"])
        if not value.strip():
            raise ParameterUnreadable(f"{path} is empty in AWS SSM")
        return value
