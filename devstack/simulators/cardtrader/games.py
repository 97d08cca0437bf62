"""The games of the simulated market: ids, editable and read-only properties, and the catalogue table of their prints.

Editable properties live in six slots (`SLOTS`), so that a product is six small integers: each one indexes the
choices its schema gives to that slot. A game has two schemas, single cards and sealed goods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

PropertyValue: TypeAlias = str | bool

SLOTS: Final = ("condition", "language", "finish", "first_edition", "signed", "altered")
CONDITION, LANGUAGE, FINISH, FIRST_EDITION, SIGNED, ALTERED = range(6)

_MAGIC_CONDITIONS: Final = ("Near Mint", "Slightly Played", "Moderately Played", "Played", "Poor")
_MINT_CONDITIONS: Final = ("Near Mint", "Mint", *_MAGIC_CONDITIONS[1:])
_WORLD: Final = ("en", "it", "jp", "kr", "zh-CN", "zh-TW", "de", "fr", "es", "pt")
_FLAG: Final = (False, True)


@dataclass(frozen=True, slots=True)
class Property:
    """One editable property: its CardTrader name and its choices, the first one being the default."""

    slot: int
    name: str
    choices: tuple[PropertyValue, ...]

    @property
    def kind(self) -> str:
        """CardTrader's type name of the values."""
        return "boolean" if isinstance(self.choices[0], bool) else "string"


@dataclass(frozen=True, slots=True)
class Schema:
    """What products of one game and kind look like; `readonly` maps a read-only key to its possible JSON values."""

    game_id: int
    category_id: int
    category: str
    editable: tuple[Property, ...]
    readonly: tuple[tuple[str, tuple[str, ...]], ...]

    def in_slot(self, slot: int) -> Property | None:
        """The property kept in that slot, None where this schema has none."""
        return next((item for item in self.editable if item.slot == slot), None)

    def choices(self, slot: int) -> int:
        """How many values the slot can take, 1 where the schema does not use it."""
        item = self.in_slot(slot)
        return len(item.choices) if item else 1


@dataclass(frozen=True, slots=True)
class Game:
    """A game, its share of all blueprints in per mille, its two schemas and the table of its prints."""

    id: int
    name: str
    display_name: str
    share: int
    prefix: str
    print_table: str
    single: Schema
    sealed: Schema
    shows_expansion: bool = True


def _quoted(*values: str) -> tuple[str, ...]:
    return tuple(f'"{value}"' for value in values)


_RARITIES: Final = _quoted("Common", "Uncommon", "Rare", "Mythic", "Special", "Token")
_NUMBER: Final = ("collector_number", _quoted(*(f"{number:03d}" for number in range(1, 351))))
_LEGAL: Final = ("tournament_legal", ("true", "true", "true", "false"))


def _single(
    game_id: int,
    category: int,
    prefix: str,
    *,
    finish: Property | None = None,
    conditions: tuple[str, ...] = _MINT_CONDITIONS,
    languages: tuple[str, ...] = _WORLD,
    marks: tuple[int, ...] = (SIGNED, ALTERED),
    extra: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Schema:
    editable = [
        Property(CONDITION, "condition", conditions),
        Property(LANGUAGE, f"{prefix}_language", languages),
        *((finish,) if finish else ()),
        *(Property(slot, SLOTS[slot], _FLAG) for slot in marks),
    ]
    readonly = ((f"{prefix}_rarity", _RARITIES), _NUMBER, *extra, _LEGAL)
    return Schema(game_id, category, f"{prefix} Singles", tuple(editable), readonly)


def _sealed(game_id: int, category: int, prefix: str) -> Schema:
    editable = (Property(LANGUAGE, f"{prefix}_language", _WORLD), Property(FINISH, "sealed", (True, False)))
    return Schema(game_id, category, f"{prefix} Booster Boxes", editable, ())


def _foil(prefix: str) -> Property:
    return Property(FINISH, f"{prefix}_foil", _FLAG)


_EDITIONS: Final = (FIRST_EDITION, SIGNED, ALTERED)
_FAB_FOIL: Final = Property(FINISH, "fab_foil_new", ("Regular", "Rainbow Foil", "Cold Foil"))
_COLORS: Final = ("mtg_card_colors", _quoted("W", "U", "B", "R", "G", "WU", "BRG", ""))
_CMC: Final = ("cmc", _quoted("0", "1", "2", "3.0", "4", "5", "6.0"))
_POKEMON: Final = (
    ("pokemon_type", _quoted("Fire", "Water", "Grass", "Psychic", "Dragon")),
    ("pokemon_stage", _quoted("Basic", "Stage 1", "Stage 2", "VMAX")),
    ("pokemon_attack", _quoted("Hydro Pump", "Tackle", "Flamethrower")),
)
_FAB: Final = (("fab_class", _quoted("Warrior", "Ninja", "Wizard")), ("pitch_value", _quoted("1", "2", "3")))

GAMES: Final[tuple[Game, ...]] = (
    Game(1, "Magic", "Magic: the Gathering", 460, "mtg", "cards_prints",
         _single(1, 1, "mtg", finish=_foil("mtg"), conditions=_MAGIC_CONDITIONS, languages=(*_WORLD, "ru"),
                 extra=(_CMC, _COLORS)), _sealed(1, 4, "mtg")),
    Game(5, "Pokemon", "Pokémon", 220, "pokemon", "pk_prints",
         _single(5, 73, "pokemon", finish=Property(FINISH, "pokemon_reverse", _FLAG), marks=_EDITIONS,
                 languages=(*_WORLD, "nl", "pl", "sv", "th", "id"), extra=_POKEMON), _sealed(5, 67, "pokemon")),
    Game(4, "YuGiOh", "Yu-Gi-Oh!", 100, "yugioh", "cards_prints",
         _single(4, 44, "yugioh", marks=_EDITIONS), _sealed(4, 45, "yugioh")),
    Game(15, "OnePiece", "One Piece", 80, "onepiece", "op_prints",
         _single(15, 192, "onepiece", finish=_foil("onepiece"), marks=()), _sealed(15, 193, "onepiece")),
    Game(18, "Lorcana", "Disney Lorcana", 50, "lorcana", "cards_prints",
         _single(18, 214, "lorcana", finish=_foil("lorcana")), _sealed(18, 215, "lorcana")),
    Game(6, "FleshAndBlood", "Flesh and Blood", 30, "fab", "cards_prints",
         _single(6, 80, "fab", finish=_FAB_FOIL, marks=_EDITIONS, extra=_FAB), _sealed(6, 81, "fab"),
         shows_expansion=False),
    Game(8, "Digimon", "Digimon", 30, "digimon", "cards_prints",
         _single(8, 130, "digimon", finish=_foil("digimon"), marks=()), _sealed(8, 131, "digimon")),
    Game(9, "DragonBall", "Dragon Ball Super", 20, "dragonball", "cards_prints",
         _single(9, 138, "dragonball", finish=_foil("dragonball")), _sealed(9, 137, "dragonball")),
    Game(22, "Riftbound", "Riftbound", 10, "riftbound", "cards_prints",
         _single(22, 258, "riftbound", finish=_foil("riftbound"), marks=()), _sealed(22, 259, "riftbound")),
)  # fmt: skip

SEALED_TABLE: Final = "sealed_products"
SCHEMAS: Final[tuple[Schema, ...]] = tuple(schema for game in GAMES for schema in (game.single, game.sealed))
"""Schema number = 2 x index of the game + 1 if sealed."""
