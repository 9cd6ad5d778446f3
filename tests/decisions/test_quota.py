from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from canonical.policy import Quota
from canonical.sourcing import Assessment
from decisions.assess import SourcingDecision, decide_sourcing
from decisions.quota import choose_by_quota, rating
from tests.decisions.models import a_need, a_policy, a_source, an_item, june, may

A_AND_B = {"A": Quota(share=Decimal(60)), "B": Quota(share=Decimal(40))}
GIVEN = {"A": Decimal(600), "B": Decimal(380)}
ITEM = an_item(a_source(supplier="A"), a_source(supplier="B", preference=2), a_source(supplier="C", preference=3))


def decided(quotas: dict[str, Quota], allocated: dict[str, Decimal], day: int = 4, **sources: int) -> SourcingDecision:
    """`sources`: suppliers with another lead time in days."""
    changed = [
        source.model_copy(update={"lead_time_days": sources.get(source.supplier, source.lead_time_days)})
        for source in ITEM.sources
    ]
    policy = a_policy(quotas=quotas)
    outcome = decide_sourcing(
        a_need(), Assessment(item=an_item(*changed), policy=policy, allocated=allocated), may(day)
    )
    assert isinstance(outcome, SourcingDecision)
    return outcome


def test_r14_a_600_of_60_and_b_380_of_40_gives_the_next_to_b() -> None:
    """A 600/60 = 10.0, B 380/40 = 9.5 → B."""
    outcome = choose_by_quota(["A", "B"], A_AND_B, GIVEN)
    assert outcome is not None
    assert (outcome.supplier, outcome.rule) == ("B", "R14")
    assert outcome.why == "quota: B 380/40 = 9.5, A 600/60 = 10.0"
    assert decided(A_AND_B, GIVEN).source.supplier == "B"


def test_the_base_counts_as_if_it_had_been_allocated() -> None:
    assert rating(Decimal(380), Quota(share=Decimal(40), base=Decimal(40))) == Decimal("10.5")


def test_the_reason_counts_the_base_and_who_had_nothing_has_nothing() -> None:
    outcome = choose_by_quota(["A"], {"A": Quota(share=Decimal(60), base=Decimal(30))}, {})
    assert outcome is not None
    assert outcome.why == "quota: A 30/60 = 0.5"
    assert outcome.reason("v7").policy_version == "v7"


def test_equal_ratings_go_by_preference() -> None:
    assert decided(A_AND_B, {}).source.supplier == "A"


def test_who_has_no_quota_follows_those_who_have_one() -> None:
    only_c = {"C": Quota(share=Decimal(1))}
    choice = decided(only_c, {"C": Decimal(9999)}).choice
    assert (choice.source.supplier, choice.rule, choice.why) == ("C", "R14", "quota: C 9999/1 = 9999.0")
    assert decided(only_c, {}, day=29, C=35, A=7).source.supplier == "A"


def test_quotas_of_others_change_nothing() -> None:
    choice = decided({"Z": Quota(share=Decimal(1))}, {}).choice
    assert (choice.source.supplier, choice.rule, choice.quota) == ("A", "preference", None)


def test_who_can_not_make_the_date_is_passed_over_and_the_reasons_say_both() -> None:
    decision = decided(A_AND_B, GIVEN, day=20, B=60)
    assert (decision.source.supplier, decision.choice.rule) == ("A", "R6")
    assert decision.choice.why == (
        "A makes 2026-06-11; B can't be at the dock before 2026-07-20; quota: B 380/40 = 9.5, A 600/60 = 10.0"
    )
    assert [reason.rule for reason in decision.reasons()] == ["R6", "R14", "R6", "R5"]
    quota = decision.reasons()[1]
    assert quota.inputs == {"allocated": {"B": "380", "A": "600"}}
    assert quota.thresholds["quotas.A"] == {"share": "60", "base": "0"}


def test_where_nobody_makes_the_date_the_lowest_rating_is_expedited() -> None:
    decision = decided(A_AND_B, GIVEN, day=30, A=60, B=60, C=60)
    assert (decision.source.supplier, decision.schedule.expedite) == ("B", True)
    assert decision.schedule.dock_date == june(11)


shares = st.lists(st.integers(1, 100), min_size=2, max_size=4)


@given(shares, st.integers(1, 50), st.lists(st.integers(0, 40), min_size=4, max_size=4))
def test_shares_converge_to_the_quotas(quotas: list[int], lot: int, start: list[int]) -> None:
    """However unevenly it began, after enough orders nobody is off its share by more than a lot for each supplier."""
    names = [f"S{number}" for number in range(len(quotas))]
    by_name = {name: Quota(share=Decimal(share)) for name, share in zip(names, quotas, strict=True)}
    allocated = {name: Decimal(quantity) for name, quantity in zip(names, start, strict=False)}
    # Until the one that began farthest ahead is caught up with by all others.
    ahead = max(rating(allocated[name], by_name[name]) for name in names)
    orders = int(ahead * sum(quotas) / lot) + 2 * len(names)
    for _ in range(orders):
        outcome = choose_by_quota(names, by_name, allocated)
        assert outcome is not None
        allocated[outcome.supplier] += lot
    total, whole = sum(allocated.values(), Decimal(0)), sum(quotas)
    for name, share in zip(names, quotas, strict=True):
        assert abs(allocated[name] - total * share / whole) <= lot * len(names)
