"""Pegline's conformance suite on acme: `python -m pytest -q`; one case: `-k every_line_as_asked`."""

import pytest

from adapters.dialects import ErpDialect
from conformance.erp.suite import Case, every_case
from skeletons.erp.pegline_acme.dialect import DIALECT
from skeletons.erp.tests.acme_bench import AcmeBench


@pytest.fixture
def bench() -> AcmeBench:
    """A system for each case."""
    return AcmeBench()


@every_case
async def test_conformance(case: Case, bench: AcmeBench) -> None:
    """Each case says its rule, what was seen, and what to do."""
    await case.run(bench)


def test_it_is_a_dialect() -> None:
    """As the landscape wants it."""
    assert isinstance(DIALECT, ErpDialect)
