"""Whatever happens in whatever order, the snapshot is the one that the final objects alone would give."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.snapshot.pictures import picture
from tests.unit.town import PROXIES, SLOTS, STEPS, Town


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([[(4, 0), (14, 0)], [(14, 1)]])
@given(st.lists(st.lists(STEPS, min_size=1, max_size=6), min_size=1, max_size=8))
def test_changes_one_by_one_lead_to_the_same_world_as_all_at_once(batches: list[list[tuple[int, int | None]]]) -> None:
    town = Town()
    for batch in batches:
        town.live(batch)
        now = picture(town.advance(), PROXIES)
    fresh = Town()
    fresh.live(sorted(town.present.items()))
    assert now == picture(fresh.advance(), PROXIES)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations([(slot, 0) for slot in range(len(SLOTS))]), st.data())
def test_what_a_change_does_not_touch_stays_the_same_object(order: list[tuple[int, int]], data: st.DataObject) -> None:
    town = Town()
    town.live(order)
    before = town.advance()
    views = {p.id: before.view(before.view_key(before.complete(p))) for p in PROXIES}
    pictures = picture(before, PROXIES)
    town.live([data.draw(STEPS)])
    after = town.advance()
    new = picture(after, PROXIES)
    for claims in PROXIES:
        view = after.view(after.view_key(after.complete(claims)))
        old = pictures[claims.id]
        same = all(new[claims.id][part] == old[part] for part in ("key", "shape", "endpoints", "rules"))
        assert (view is views[claims.id]) == same
