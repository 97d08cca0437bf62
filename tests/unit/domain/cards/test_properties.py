"""Properties: only what a seller may set goes back, as it is; condition, language and finish decide."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cards.properties import editable_properties, is_decisive, is_editable

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
