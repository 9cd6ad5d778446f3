"""Faulty files are refused whole: file, key, value and what is allowed, all faults at once."""

from pathlib import Path

import pytest

from policies.book import PolicyBook
from policies.reading import PolicyError
from tests.policies.conftest import Folder


def test_a_value_out_of_bounds_names_the_file_that_says_it_the_key_the_value_and_what_is_allowed(
    folder: Folder,
) -> None:
    folder.replace("plants/1720.toml", "frozen_zone_days = 8", "frozen_zone_days = 500")
    assert folder.faults() == ("plants/1720.toml: frozen_zone_days = 500: Input should be less than or equal to 400",)


def test_a_wrong_default_is_reported_once_and_for_the_file_of_defaults(folder: Folder) -> None:
    folder.replace("defaults.toml", "share = 0.05", 'share = "a little"')
    (fault,) = folder.faults()
    assert fault.startswith("defaults.toml: dampener.share = 'a little': Input should be a valid decimal")


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("plants/1710.toml", "\n[tolerance]\nprice_mor = 0.02\n", "tolerance.price_mor = 0.02: no such key; allowed"),
        ("plants/1710.toml", '\n[[routes]]\nkind = "direct"\ntransit = 2\n', "routes.0.transit = 2: no such key"),
        ("plants/1710.toml", "\n[quotas]\nV1 = { shares = 60 }\n", "quotas.V1.shares = 60: no such key"),
        ("plants/1710.toml", '\n[roles.buyer]\ncalender = "x"\n', "roles.buyer.calender = 'x': no such key"),
        ("plants/1710.toml", '\nversion = "7"\n', "version = '7': no such key"),
        ("companies/1720.toml", 'company_code = "1720"\n', "company_code = '1720': no such key"),
    ],
)
def test_a_misspelt_key_is_refused_at_any_depth_since_its_limit_would_go_unseen(
    folder: Folder, file: str, text: str, fault: str
) -> None:
    held = folder.path / file
    folder.write(file, (held.read_text() if held.exists() else "") + text)
    assert any(each.startswith(f"{file}: {fault}") for each in folder.faults())


def test_what_is_missing_is_named(folder: Folder) -> None:
    folder.replace("defaults.toml", 'company_code = "1710"\n', "")
    assert folder.faults()[0].startswith("plants/1710.toml: company_code is missing; set it here, or in defaults.toml")
    folder.append("plants/1710.toml", 'company_code = "1710"\nquotas = { V1 = { base = 1 } }\n')
    assert folder.faults() == ("plants/1710.toml: quotas.V1.share is missing",)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("EUR = 1\n", "EUR = 2\n", "approval.rates.EUR = 2: must be 1, since it is the company currency"),
        ("EUR = 1\n", "", "approval.rates.EUR = None: must be 1, since it is the company currency"),
        ("USD = 0.92", "USD = 0", "approval.rates.USD = 0: must be above 0"),
        ("USD = 0.92", "USD = inf", "approval.rates.USD.0.rate = Infinity: Input should be a finite number"),
        (
            "USD = 0.92",
            "USD = [{ since = 2026-01-01, rate = 0.9 }, { since = 2026-01-01, rate = 0.8 }]",
            "approval.rates.USD = 'two since one day': must have one rate since each day",
        ),
        (
            "USD = 0.92",
            "USD = []",
            "approval.rates.USD = 'none': must have a rate; take the currency out where there is none",
        ),
        (
            "USD = 0.92",
            "USD = [{ from = 2026-01-01, rate = 0.9 }]",
            "approval.rates.USD.0.from = 2026-01-01: no such key; allowed are rate, since",
        ),
        ("B = 500", "B = -1", "approval.free_up_to.B = -1: must be 0 or more"),
        ("B = 500", "D = 500", "approval.free_up_to.D = 'D': Input should be 'A', 'B' or 'C'"),
        ("quantity = 10", "quantity = -10", "dampener.quantity = -10: must be 0 or more"),
        ("buyer_at = 1.0", "buyer_at = 2.0", "reminder_at, buyer_at and manager_at must rise"),
        ("reminder_days = 1", "reminder_days = 4", "overdue = '4, 3': reminder_days must not be above question_days"),
        ('planner = "planner"', 'planner = " "', "planner = ' ': must name a role"),
        (
            "minimum_days = 1\n",
            "minimum_days = 366\n",
            "lead_time = '366 to 365': minimum_days must not be above maximum_days",
        ),
        ("shipment = []", 'shipment = [" "]', 'must name sources, "*" for any, or none'),
        ('order_type = "NB"', 'order_type = ""', "erp.order_type = '': must name a document type of the ERP"),
        ("units = {}", 'units = { XYZ = ["A"] }', "erp.units.XYZ = ['A']: must be a known UN/ECE code"),
        ("units = {}", "units = { EA = [] }", "erp.units.EA = []: must name at least one code of the ERP"),
        (
            'account_assignment = { category = "" }',
            'account_assignment = { cost_center = "1710" }',
            "erp.account_assignment.category = '': must be set, since cost_center is",
        ),
        ('lots = "buyer"', 'lots = ""', "owners.lots = '': must name a role"),
        ('kind = "direct"', 'kind = "transfer"', "must name another plant that the item is moved from"),
        ('kind = "direct"', 'kind = "direct"\nsupplying_plant = "1720"', "= '1720': is of a transfer; take it out"),
        (
            "[[routes]]                   #",
            "[[routes]]\nkind = 'direct'\n[[routes]] #",
            "is listed twice; the first one applies",
        ),
    ],
)
def test_a_value_that_no_rule_could_work_with_is_refused(folder: Folder, old: str, new: str, fault: str) -> None:
    folder.replace("defaults.toml", old, new)
    faults = folder.faults()
    assert faults[0].startswith("defaults.toml: ")
    assert faults[0].endswith(fault)


@pytest.mark.parametrize(
    ("absence", "fault"),
    [
        ('first_day = 2026-07-14, last_day = 2026-07-01, delegate = "x"', "= '2026-07-01': must not end before 2026"),
        ('first_day = 2026-07-01, last_day = 2026-07-01, delegate = "buyer"', "must name another role or person"),
    ],
)
def test_an_absence_that_helps_nobody_is_refused(folder: Folder, absence: str, fault: str) -> None:
    folder.append("plants/1710.toml", f"\n[roles.buyer]\nabsences = [{{ {absence} }}]\n")
    assert fault in folder.faults()[0]


def test_all_faults_are_reported_at_once(folder: Folder) -> None:
    folder.append("plants/1710.toml", "\n[dampener]\nshares = 1\n")
    folder.replace("plants/1730.toml", "sla_hours = 12", "sla_hours = 0")
    folder.replace("calendars.toml", 'country = "MX"', 'country = "Mexico"')
    folder.append("rules/bothell.toml", '[[rule]]\nplant = "1740"\nitem = "X"\nbuyer = "anna"\n')
    assert len(folder.faults()) == 4


def test_a_file_that_is_no_toml_is_named_without_faults_of_its_content(folder: Folder) -> None:
    folder.append("defaults.toml", "fence = = 5\n")
    (folder.path / "plants" / "1710.toml").write_bytes(b"\xff")
    faults = folder.faults()
    assert [fault.partition(": ")[0] for fault in faults] == ["defaults.toml", "plants/1710.toml"]
    assert all(": not valid TOML: " in fault for fault in faults)


def test_a_folder_without_plants_or_defaults_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        PolicyBook(tmp_path)
    missing = "can't be read (No such file or directory); put the file there"
    assert caught.value.faults == (
        f"{tmp_path / 'defaults.toml'}: {missing}",
        f"{tmp_path / 'calendars.toml'}: {missing}",
        f"{tmp_path / 'plants'}: no plant has a policy; add a <plant>.toml",
    )


def test_a_company_that_no_plant_is_of_is_a_misspelt_name(folder: Folder) -> None:
    folder.write("companies/1170.toml", "processing_days = 2\n")
    assert folder.faults() == (
        "companies/1170.toml: no plant is of company 1170; name the file by a plant's company_code",
    )


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ('item = "X"', "rule 1: sets no key; name what holds there, or take the rule out"),
        ("frozen_zone_days = 1", "rule 1: names neither item_class, item nor supplier; say it in plants/"),
        ('plant = "P1"\nfrozen_zone_days = 1', "rule 1: names neither item_class, item nor supplier"),
        ('plant = "P9"\nitem = "X"\nbuyer = "a"', "rule 1: plant = 'P9': no such plant; there are P1, P2"),
        ('item = []\nbuyer = "a"', "rule 1: item = []: must be a code, or a list of codes"),
        ('item = 7\nbuyer = "a"', "rule 1: item = 7: must be a code, or a list of codes"),
        ('item = "X"\nbuyers = "a"', "rule 1: buyers = 'a': no such key; allowed are "),
        ('item = "X"\ncompany_code = "C"', "rule 1: company_code = 'C': holds for a plant as a whole; set it in "),
        ('item = "X"\n[rule.erp]\ntax_code = "V1"', "holds for a plant as a whole"),
        ('item = "X"\n[rule.ownership]\nshipment = ["a"]', "holds for a plant as a whole"),
        ('supplier = "V"\ntie_break = "price"', "is decided before there is a supplier; set it in a rule without one"),
        ('item = "X"\nfrozen_zone_days = -1', "rule 1: frozen_zone_days = -1: Input should be greater than or equal"),
        ('name = "dear"\nitem = "X"\n[rule.escalation]\nbuyer_at = 9', "rule 1 (dear): escalation = '0.5, 9, 1.5': "),
        (
            'item = "X"\nsupplier_calendar = "moon"',
            "supplier_calendar = 'moon': must name a calendar of calendars.toml",
        ),
    ],
)
def test_a_rule_that_is_wrong_or_without_effect_is_refused(bare: Folder, rule: str, fault: str) -> None:
    bare.write("rules/x.toml", f"[[rule]]\n{rule}\n")
    assert any(each.startswith("rules/x.toml, rule 1") and fault in each for each in bare.faults())


def test_a_file_of_rules_holds_nothing_else(bare: Folder) -> None:
    bare.write("rules/x.toml", "frozen_zone_days = 1\n[rule]\n")
    assert bare.faults() == (
        "rules/x.toml: frozen_zone_days = 1: a file of rules holds [[rule]] tables alone",
        "rules/x.toml: rule = {}: write [[rule]], with two brackets",
    )
    bare.write("rules/x.toml", "rule = [1]\n")
    assert bare.faults() == ("rules/x.toml: rule = [1]: write [[rule]], with two brackets",)


def test_what_an_editor_hides_beside_a_file_is_none(bare: Folder) -> None:
    (bare.path / "plants" / ".#P1.toml").symlink_to("anna@host.1234")
    assert list(bare.book().plants) == ["P1", "P2"]


def test_a_tie_is_refused_with_both_rules_named(bare: Folder) -> None:
    bare.write("rules/anna.toml", '[[rule]]\nitem = ["I1", "I2"]\nsupplier = "V1"\ntolerance.price_more = 0.02\n')
    bare.write("rules/ben.toml", '[[rule]]\nname = "dear"\nitem = "I2"\nsupplier = "V1"\ntolerance.price_more = 0.02\n')
    (fault,) = bare.faults()
    assert fault.startswith("rules/ben.toml, rule 1 (dear): tolerance.price_more is also set by ")
    assert "rules/anna.toml, rule 1, for item I2, supplier V1: neither is the more specific" in fault


def test_two_rules_for_the_same_that_set_different_keys_are_no_tie(bare: Folder) -> None:
    bare.write(
        "rules/x.toml",
        '[[rule]]\nitem = "I1"\ntolerance.price_more = 0.02\n[[rule]]\nitem = "I1"\ntolerance.quantity_more = 0.5\n',
    )
    policy = bare.book().effective("P1", item="I1")
    assert policy is not None
    assert (str(policy.tolerance.price_more), str(policy.tolerance.quantity_more)) == ("0.02", "0.5")


def test_rules_that_are_right_alone_and_wrong_together_are_refused(bare: Folder) -> None:
    bare.write(
        "rules/x.toml",
        '[[rule]]\nitem_class = "A"\nescalation.reminder_at = 0.9\n'
        '[[rule]]\nsupplier = "V1"\nescalation.buyer_at = 0.8\n',
    )
    (fault,) = bare.faults()
    assert fault == (
        "rules/x.toml, rule 2: escalation = '0.9, 0.8, 1.5': reminder_at, buyer_at and manager_at must rise"
    )


def test_a_rule_that_is_wrong_alone_is_reported_once_however_many_it_meets(bare: Folder) -> None:
    bare.write(
        "rules/x.toml",
        '[[rule]]\nitem_class = "A"\nroutes = [{ kind = "bus" }]\nescalation.sla_hours = 0\n'
        '[[rule]]\nitem = "I1"\nroutes = [{ kind = "direct" }]\nescalation.sla_hours = 1\n',
    )
    assert [fault.partition(" = ")[0] for fault in bare.faults()] == [
        "rules/x.toml, rule 1: escalation.sla_hours",
        "rules/x.toml, rule 1: routes.0.kind",
    ]


def transfer(plant: str) -> str:
    return f'routes = [{{ kind = "transfer", supplying_plant = "{plant}" }}, {{ kind = "direct" }}]\n'


def test_a_transfer_comes_from_a_plant_that_has_a_policy(bare: Folder) -> None:
    bare.append("plants/P1.toml", transfer("P9"))
    assert bare.faults() == (
        "plants/P1.toml: routes = 'transfer from P9': must come from a plant with a policy: P1, P2",
    )


def test_transfers_that_go_in_a_circle_for_an_item_are_refused(bare: Folder) -> None:
    bare.append("plants/P2.toml", transfer("P1"))
    bare.write("rules/x.toml", f'[[rule]]\nplant = "P1"\nitem = "I1"\n{transfer("P2")}')
    assert set(bare.faults()) == {
        "rules/x.toml, rule 1: routes = 'transfer from P2': must not go in a circle: P2 itself gets it from P1",
        "plants/P2.toml: routes = 'transfer from P1': must not go in a circle: P1 itself gets it from P2",
    }


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ('item = "PA"\nsubstitutes = [{ item = "PA" }]', "substitutes.0.item = 'PA': must be another item than"),
        (
            'item = "PA"\nsubstitutes = [{ item = "PB" }, { item = "PB", per = 2 }]',
            "substitutes.1.item = 'PB': is listed twice; the first one applies",
        ),
        (
            'item = "PA"\nsubstitutes = [{ item = "PB", effective_from = 2026-07-01, effective_to = 2026-06-30 }]',
            "substitutes.0.effective_to = 2026-06-30: must not be before effective_from, 2026-07-01",
        ),
        ('item = "PA"\nsubstitutes = [{ item = "PB", ratio = 2 }]', "substitutes.0.ratio = 2: no such key; allowed"),
        ('item = "PA"\nsubstitutes = [{ item = "PB", per = 0 }]', "substitutes.0.per = 0: Input should be greater"),
        ('item = "PA"\nsubstitutes = [{ item = "PB", unit = "PIECES" }]', "substitutes.0.unit = 'PIECES': "),
        ('item = "PA"\nsupplier = "V1"\nsubstitutes = []', "substitutes = []: is decided before there is a supplier"),
        ('item_class = "A"\nsubstitutes = [{ item = "PB" }]', ": is said of an item; name the item in the rule"),
    ],
)
def test_a_substitute_item_that_could_not_be_used_is_refused(bare: Folder, rule: str, fault: str) -> None:
    bare.write("rules/substitutes.toml", f"[[rule]]\n{rule}\n")
    assert any(fault in each for each in bare.faults()), bare.faults()


def test_substitutes_of_all_items_are_none(bare: Folder) -> None:
    bare.append("plants/P1.toml", 'substitutes = [{ item = "PB" }]\n')
    assert any(
        each.endswith(": is said of an item; set it in a [[rule]] that names the item") for each in bare.faults()
    )
