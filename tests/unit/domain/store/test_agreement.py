"""The rules together: a shop and central as plain values, driven through any story, agree once it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.store.conflicts import Attempt, resolve, version_to_send
from domain.store.stock import CentralStock, Shelf, after_push, moved_elsewhere, refusal

STORY = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(-6, 6).filter(bool)),
        st.tuples(st.just("elsewhere"), st.integers(-6, 6).filter(bool)),
        st.tuples(st.sampled_from(["push", "lose", "read"]), st.just(0)),
    ),
    max_size=40,
)


@dataclass
class Pair:
    """One item in both places. `queue` holds (operation, delta, base version, version sent or None)."""

    version: int = 0
    central: int = 10
    applied: dict[int, tuple[int, int]] = field(default_factory=dict)
    quantity: int = 10
    known: CentralStock = field(default_factory=lambda: CentralStock(0, 10))
    queue: list[list[int | None]] = field(default_factory=list)
    compensated: list[int] = field(default_factory=list)
    accepted: dict[int, int] = field(default_factory=dict)
    elsewhere: int = 0

    def move(self, delta: int) -> None:
        if refusal(Shelf(self.quantity, 0), delta) is None:
            operation = len(self.accepted)
            self.accepted[operation] = delta
            self.queue.append([operation, delta, self.known.version, None])
            self.quantity += delta

    def move_elsewhere(self, delta: int) -> None:
        if self.central + delta >= 0:
            self.central, self.version = self.central + delta, self.version + 1
            self.elsewhere += delta

    def push(self, *, loses: bool) -> None:
        """One request, its answer perhaps lost."""
        if not self.queue:
            return
        operation, delta, base, sent = self.queue[0]
        assert operation is not None and delta is not None and base is not None  # noqa: PT018 - narrows the types
        if sent is None:
            sent = version_to_send("rebase", base, known=self.known.version, chained=None)
        self.queue[0][3] = sent
        told = self._adjust(operation, delta, sent)
        if loses:
            return
        if told is not None:
            self.queue.pop(0)
            self._learn(after_push(self.known, sent, delta, told))
            return
        state = CentralStock(self.version, self.central)
        resolution = resolve(Attempt(delta, sent, "rebase"), state, version_conflict=True)
        if resolution == "compensate":
            self.queue.pop(0)
            self.compensated.append(operation)
            self.quantity -= delta
        else:
            assert resolution == "rebase"
            self.queue[0][3] = state.version
        self._learn(state)

    def read(self) -> None:
        """Not while an outcome is unknown."""
        if not self.queue or self.queue[0][3] is None:
            self._learn(CentralStock(self.version, self.central))

    def _adjust(self, operation: int, delta: int, sent: int) -> CentralStock | None:
        if operation not in self.applied:
            if sent != self.version or self.central + delta < 0:
                return None
            self.central, self.version = self.central + delta, self.version + 1
            self.applied[operation] = (self.version, self.central)
        return CentralStock(*self.applied[operation])

    def _learn(self, central: CentralStock) -> None:
        self.known = central
        self.quantity += moved_elsewhere(self.quantity, central, sum(one[1] or 0 for one in self.queue))


@settings(max_examples=300)
@given(STORY)
def test_whatever_happens_both_agree_in_the_end_and_nothing_is_lost_or_doubled(story: list[tuple[str, int]]) -> None:
    pair = Pair()
    for step, delta in story:
        match step:
            case "move":
                pair.move(delta)
            case "elsewhere":
                pair.move_elsewhere(delta)
            case "read":
                pair.read()
            case _:
                pair.push(loses=step == "lose")
    while pair.queue:
        pair.push(loses=False)
    pair.read()
    assert pair.quantity == pair.central
    assert sorted([*pair.applied, *pair.compensated]) == sorted(pair.accepted)
    assert list(pair.applied) == sorted(pair.applied)
    assert pair.central == 10 + pair.elsewhere + sum(pair.accepted[operation] for operation in pair.applied)
