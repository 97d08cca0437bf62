"""Properties: only what a seller may set goes back; condition, language and finish decide; values are checked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cards.properties import (
    Scalar,
    UnfitValue,
    checked_property,
    editable_properties,
    is_decisive,
    is_editable,
    sendable_properties,
)

# reference/cardtrader.md 2.1
EDITABLE = [
    "condition", "funko_condition", "mtg_language", "FF_language", "pokemon_language", "mtg_foil", "fab_foil",
    "fab_foil_new", "fow_foil", "pokemon_reverse", "first_edition", "fow_first_edition", "signed", "altered", "sealed",
]  # fmt: skip
READ_ONLY = [
    "mtg_rarity", "collector_number", "cmc", "mtg_card_colors", "tournament_legal", "pokemon_attack", "pitch_value",
    "pokemon_species", "fab_class", "yugioh_rarity",
]  # fmt: skip
NAMES = st.sampled_from([*EDITABLE, *READ_ONLY]) | st.text(max_size=12)
VALUES = st.booleans() | st.sampled_from(["zh-CN", "zh-TW", "jp", "Near Mint", " en ", ""]) | st.text(max_size=9)


@pytest.mark.parametrize("name", EDITABLE)
def test_what_a_seller_may_set(name: str) -> None:
    assert is_editable(name)


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_describes_the_print(name: str) -> None:
    assert not is_editable(name)
    assert not is_decisive(name)


@pytest.mark.parametrize("name", ["signed", "altered", "first_edition", "sealed"])
def test_not_everything_editable_is_decisive(name: str) -> None:
    assert not is_decisive(name)


@given(properties=st.dictionaries(NAMES, VALUES))
@settings(deadline=None)
def test_what_is_sent_is_a_part_of_what_was_given(properties: dict[str, bool | str]) -> None:
    sent = editable_properties(properties)
    assert sent.items() <= properties.items()
    assert editable_properties(sent) == sent
    assert set(sent) == {name for name in properties if is_editable(name)}
    assert not set(sent) & set(READ_ONLY)
    assert set(properties) & set(EDITABLE) <= set(sent)


@pytest.mark.parametrize(
    ("name", "given_", "kept"),
    [
        ("condition", " near mint ", "Near Mint"),
        ("condition", "Lightly Played", "Slightly Played"),
        ("condition", "damaged", "Poor"),
        ("condition", "PO", "Poor"),
        ("mtg_language", "EN", "en"),
        ("mtg_language", "zh-CN", "zh-CN"),
        ("mtg_language", "zh-tw", "zh-TW"),
        ("pokemon_language", "sv", "sv"),
        ("mtg_foil", "yes", True),
        ("signed", "0", False),
        ("altered", 1, True),
        ("pokemon_reverse", "off", False),
        ("fab_foil_new", " Cold Foil ", "Cold Foil"),
        ("fow_foil", "Full Art", "Full Art"),
        ("fab_foil", "true", True),
        ("newgame_foil", "Etched", "Etched"),
        ("funko_condition", "Damaged box", "Damaged box"),
        ("cmc", 5.5, 5.5),
    ],
)
def test_known_values_are_understood(name: str, given_: Scalar, kept: Scalar) -> None:
    checked = checked_property(name, given_)
    assert (type(checked), checked) == (type(kept), kept)


@pytest.mark.parametrize(
    ("name", "given_"),
    [
        ("condition", "Great"),
        ("condition", True),
        ("condition", ""),
        ("mtg_language", "German"),
        ("mtg_language", "Portuguese"),
        ("mtg_language", ""),
        ("mtg_language", 7),
        ("mtg_foil", "maybe"),
        ("mtg_foil", 2),
        ("signed", "Near Mint"),
        ("fab_foil_new", False),
        ("fab_foil_new", " "),
    ],
)
def test_unknown_values_are_refused_and_never_bent(name: str, given_: Scalar) -> None:
    with pytest.raises(UnfitValue) as refused:
        checked_property(name, given_)
    assert name in str(refused.value)


@given(name=NAMES, value=VALUES | st.integers() | st.floats(allow_nan=False))
def test_checking_is_idempotent_and_refuses_in_one_way(name: str, value: Scalar) -> None:
    try:
        checked = checked_property(name, value)
    except UnfitValue:
        return
    assert checked_property(name, checked) == checked


def test_an_unchanged_absent_finish_is_not_sent() -> None:
    current = {"condition": "Near Mint", "mtg_foil": False, "signed": False, "cmc": "1"}
    assert sendable_properties(current, {"condition": "Poor"}) == {"condition": "Poor", "signed": False}
    assert sendable_properties(current, {"mtg_foil": False})["mtg_foil"] is False


@pytest.mark.parametrize("odd", [None, 3, 2.5, [], {}])
def test_what_is_neither_flag_nor_word_is_not_sent_back(odd: object) -> None:
    assert sendable_properties({"sealed": odd, "condition": "Poor"}, {"signed": True}) == {
        "condition": "Poor",
        "signed": True,
    }
