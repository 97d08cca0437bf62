"""Helpers of more than one test module."""

from __future__ import annotations

from tests.helpers.waiting import eventually

__all__ = ["eventually"]
