"""The universe of blueprints: every attribute is a pure function of the blueprint id, the same for every seller and
for the catalogue. Vectorised: a million blueprints are described in a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .games import FINISH, GAMES, SCHEMAS, Property

Ints: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint64]

EXPANSIONS_PER_GAME: Final = 40
SEALED_EXPANSIONS: Final = 4
"""The last expansions of a game hold nothing but sealed goods."""

_FIRST: Final = (
    "Ancient", "Brazen", "Crimson", "Dread", "Emerald", "Feral", "Gilded", "Hollow", "Iron", "Jade", "Keen", "Lunar",
    "Mystic", "Nightmare", "Obsidian", "Pale", "Quiet", "Radiant", "Silver", "Thorned", "Umbral", "Verdant",
    "Æther", "Lim-Dûl's", "Señor", "Pokémon", "Déjà Vu", "青眼の", "Sample \\\"Quoted\\\"", "Wild", "Young", "Zealous",
)  # fmt: skip
_SECOND: Final = (
    "Archer", "Bear", "Champion", "Dragon", "Elemental", "Falcon", "Giant", "Hydra", "Imp", "Jester", "Knight",
    "Leviathan", "Mage", "Nomad", "Oracle", "Phoenix", "Queen", "Ranger", "Sphinx", "Titan", "Unicorn", "Viper",
    "Warlock", "Xenomorph", "Yeti", "Zombie", "白龍", "Jötunn", "Captain", "Pirate", "Golem", "Ghost",
)  # fmt: skip
_EXPANSION_WORDS: Final = (
    "Core", "Dawn", "Eclipse", "Frontier", "Legacy", "Origins", "Rising", "Storm", "Éveil", "Vault",
)  # fmt: skip

_SHARES: Final = np.cumsum([game.share for game in GAMES])


def mix(values: NDArray[np.integer], salt: int = 0) -> Hashes:
    """SplitMix64 of each value: 64 well-mixed bits, equal on every machine."""
    offset = (salt + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    mixed = values.astype(np.uint64) + np.uint64(offset)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def pick(hashes: Hashes, shift: int, choices: int) -> Ints:
    """A number in [0, choices) from the bits above `shift`."""
    return ((hashes >> np.uint64(shift)) % np.uint64(choices)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Blueprints:
    """Columns describing blueprints. `expansion` is 0 where a blueprint belongs to none; `schema` indexes SCHEMAS."""

    ids: Ints
    hashes: Hashes
    game: Ints
    schema: Ints
    expansion: Ints
    foilable: NDArray[np.bool_]

    @property
    def names(self) -> list[str]:
        """Names, escaped for JSON and without quotes."""
        first, second = pick(self.hashes, 3, len(_FIRST)).tolist(), pick(self.hashes, 11, len(_SECOND)).tolist()
        return [f"{_FIRST[a]} {_SECOND[b]}" for a, b in zip(first, second, strict=True)]

    @property
    def plain_names(self) -> list[str]:
        """Names as people read them."""
        return [name.replace('\\"', '"') for name in self.names]


def describe(ids: NDArray[np.integer]) -> Blueprints:
    """The attributes of these blueprints."""
    hashes = mix(ids)
    game = np.searchsorted(_SHARES, pick(hashes, 0, 1000), side="right").astype(np.int64)
    is_sealed = pick(hashes, 17, 100) < 4
    singles = EXPANSIONS_PER_GAME - SEALED_EXPANSIONS
    number = np.where(is_sealed, singles + pick(hashes, 23, SEALED_EXPANSIONS), pick(hashes, 23, singles))
    expansion = np.where(pick(hashes, 31, 100) < 1, 0, game * 100 + number + 100)
    return Blueprints(
        ids=ids.astype(np.int64), hashes=hashes, game=game, schema=game * 2 + is_sealed, expansion=expansion,
        foilable=pick(hashes, 37, 5) > 0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One blueprint, as the mutations need it. `name` is plain text; `expansion_id` is None where it has none."""

    id: int
    name: str
    schema_index: int
    expansion_id: int | None
    foilable: bool

    @property
    def editable(self) -> tuple[Property, ...]:
        """Editable properties of this very blueprint: one without a foil print has no foil property."""
        found = SCHEMAS[self.schema_index].editable
        return found if self.foilable else tuple(item for item in found if not is_foil(item))


def is_foil(item: Property) -> bool:
    """Whether the property is a foil choice, which a blueprint may lack."""
    return item.slot == FINISH and "foil" in item.name


def blueprint(blueprint_id: int) -> Blueprint:
    """One blueprint by id."""
    found = describe(np.array([blueprint_id], np.int64))
    return Blueprint(
        blueprint_id, found.plain_names[0], int(found.schema[0]),
        int(found.expansion[0]) or None, bool(found.foilable[0]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expansion:
    """One expansion; `code` is unique within its game only."""

    id: int
    game_id: int
    code: str
    name: str
    is_sealed: bool


def expansion(expansion_id: int) -> Expansion:
    """One expansion by id (as found in `Blueprints.expansion`)."""
    game, number = GAMES[expansion_id // 100 - 1], expansion_id % 100
    name = f"{_EXPANSION_WORDS[number % 10]} {_EXPANSION_WORDS[(number * 7 + 3) % 10]} {number}"
    return Expansion(expansion_id, game.id, f"s{number:02d}", name, number >= EXPANSIONS_PER_GAME - SEALED_EXPANSIONS)


def all_expansions() -> list[Expansion]:
    """Every expansion of every game."""
    return [
        expansion((index + 1) * 100 + number) for index in range(len(GAMES)) for number in range(EXPANSIONS_PER_GAME)
    ]
