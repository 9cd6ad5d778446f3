"""Defaults, company, plant, class, supplier, item: each layer overrides the ones before it."""

from decimal import Decimal

import pytest

from policies.book import PolicyBook
from tests.policies.conftest import Folder

LAYERS = """
[[rule]]
name = "class A"
item_class = "A"
frozen_zone_days = 11

[[rule]]
supplier = "V1"
frozen_zone_days = 12

[[rule]]
supplier = "V1"
plant = "P2"
frozen_zone_days = 13

[[rule]]
item = ["I1", "I2"]
frozen_zone_days = 14
tolerance.price_more = 0.05

[[rule]]
name = "the odd pair"
item = "I1"
supplier = "V1"
frozen_zone_days = 15
"""


@pytest.fixture
def book(bare: Folder) -> PolicyBook:
    bare.append("defaults.toml", "frozen_zone_days = 8\n[tolerance]\nprice_more = 0.01\nquantity_less = 0.02\n")
    bare.write("companies/C2.toml", "frozen_zone_days = 9\n[tolerance]\nquantity_less = 0.04\n")
    bare.write("plants/P2.toml", 'company_code = "C2"\nfrozen_zone_days = 10\n')
    bare.write("plants/P3.toml", 'company_code = "C2"\n')
    bare.write("rules/buyers.toml", LAYERS)
    return bare.book()


@pytest.mark.parametrize(
    ("plant", "item_class", "item", "supplier", "frozen_zone_days"),
    [
        ("P1", "", "", "", 8),
        ("P3", "", "", "", 9),
        ("P2", "", "", "", 10),
        ("P2", "A", "", "", 11),
        ("P2", "B", "other", "other", 10),
        ("P1", "A", "other", "V1", 12),
        ("P2", "A", "other", "V1", 13),
        ("P2", "A", "I2", "V1", 14),
        ("P1", "", "I1", "other", 14),
        ("P2", "A", "I1", "V1", 15),
    ],
)
def test_the_more_specific_wins(
    book: PolicyBook, plant: str, item_class: str, item: str, supplier: str, frozen_zone_days: int
) -> None:
    policy = book.effective(plant, item_class=item_class, item=item, supplier=supplier)
    assert policy is not None
    assert (policy.plant, policy.frozen_zone_days) == (plant, frozen_zone_days)


def test_a_layer_that_says_one_key_of_a_table_keeps_the_rest_of_it(book: PolicyBook) -> None:
    policy = book.effective("P2", item="I1")
    assert policy is not None
    assert (policy.tolerance.price_more, policy.tolerance.quantity_less) == (Decimal("0.05"), Decimal("0.04"))


def test_quotas_are_replaced_whole_since_shares_mean_something_only_together(bare: Folder) -> None:
    bare.append("defaults.toml", "[quotas]\nV1 = { share = 60 }\nV2 = { share = 40 }\n")
    bare.write("rules/x.toml", '[[rule]]\nitem = "I1"\nquotas = { V3 = { share = 1 } }\n')
    book = bare.book()
    plain, own = book.effective("P1"), book.effective("P1", item="I1")
    assert plain is not None
    assert own is not None
    assert (sorted(plain.quotas), sorted(own.quotas)) == (["V1", "V2"], ["V3"])


def test_a_plant_without_a_file_has_no_policy(book: PolicyBook) -> None:
    assert book.effective("P9", item="I1") is None
    assert book.explain("P9") is None


def test_policies_that_decide_alike_are_one_version_and_others_are_not(book: PolicyBook, bare: Folder) -> None:
    def version(book: PolicyBook, **asked: str) -> str:
        policy = book.effective("P2", **asked)
        assert policy is not None
        return policy.version

    assert version(book, item="other") == version(book)
    assert len({version(book), version(book, item="I1"), version(book, item="I1", supplier="V1")}) == 3
    bare.append("defaults.toml", "# a remark\n")
    assert version(bare.book()) == version(book)
    bare.append("companies/C2.toml", "quantity_more = 0.5\n")
    assert version(bare.book()) != version(book)


def test_what_no_rule_names_is_one_policy_however_many_are_asked_for(book: PolicyBook) -> None:
    assert book.effective("P1", item="other", supplier="V7") is book.effective("P1", item="another")


def test_the_origin_of_each_value_is_shown(book: PolicyBook) -> None:
    explanation = book.explain("P2", item_class="A", item="I1", supplier="V1")
    assert explanation is not None
    statement = {value.key: (value.value, value.origin) for value in explanation.values}
    assert statement["frozen_zone_days"] == ("15", "rules/buyers.toml, rule 5 (the odd pair)")
    assert statement["tolerance.price_more"] == ("0.05", "rules/buyers.toml, rule 4")
    assert statement["tolerance.quantity_less"] == ("0.04", "companies/C2.toml")
    assert statement["company_code"] == ("C2", "plants/P2.toml")
    assert statement["purchasing_organization"] == ("O1", "defaults.toml")
    assert statement["dampener.share"] == ("0.05", "built in")
    assert [rule.split(", ")[1] for rule in explanation.rules] == [
        "rule 1 (class A)",
        "rule 2",
        "rule 3",
        "rule 4",
        "rule 5 (the odd pair)",
    ]
    assert explanation.policy is book.effective("P2", item_class="A", item="I1", supplier="V1")


def test_a_route_a_role_and_a_calendar_are_shown_in_words(bare: Folder) -> None:
    bare.append(
        "defaults.toml",
        'supplier_calendar = "plain"\nroutes = [{ kind = "transfer", supplying_plant = "P2" }, '
        '{ kind = "subcontract" }, { kind = "direct" }]\n'
        '[[roles.buyer.absences]]\nfirst_day = 2026-07-01\nlast_day = 2026-07-14\ndelegate = "anna"\n',
    )
    bare.append("plants/P2.toml", 'routes = [{ kind = "direct" }]\n')
    explanation = bare.book().explain("P1")
    assert explanation is not None
    statement = {value.key: value.value for value in explanation.values}
    assert statement["routes"] == "transfer from P2 (2 days), subcontract (components 2 days before), direct"
    assert statement["supplier_calendar"] == "plain: Mon Tue Wed Thu Fri 08:00–17:00, 0 days off"
    assert statement["roles.buyer.absences"] == "first_day 2026-07-01, last_day 2026-07-14, delegate anna"
    assert statement["roles.buyer.calendar"] == "the office's hours"
    assert statement["quotas"] == "none"
