"""CardTrader's words for condition, language and flags, and the spellings that mean the same (cardtrader.md 2.1)."""

from __future__ import annotations

from typing import Final

CONDITIONS: Final = ("Mint", "Near Mint", "Slightly Played", "Moderately Played", "Played", "Heavily Played", "Poor")
CONDITION_SPELLINGS: Final = {name.lower(): name for name in CONDITIONS} | {
    "nm": "Near Mint",
    "sp": "Slightly Played",
    "lightly played": "Slightly Played",
    "mp": "Moderately Played",
    "pl": "Played",
    "hp": "Heavily Played",
    "po": "Poor",
    "damaged": "Poor",
}
LANGUAGES: Final = frozenset(("en", "it", "fr", "de", "es", "pt", "jp", "kr", "ru", "zh-CN", "zh-TW"))
FLAG_SPELLINGS: Final[dict[object, bool]] = {"true": True, "1": True, "yes": True, "on": True, 1: True} | {
    "false": False,
    "0": False,
    "no": False,
    "off": False,
    0: False,
}
