"""All cases for an ERP adapter, as one parametrized pytest test.

    from conformance.erp.suite import Case, every_case

    @every_case
    async def test_conformance(case: Case, bench: MyBench) -> None:
        await case.run(bench)

`bench` is a fixture of the adapter's project (conformance.erp.bench). pytest-asyncio runs it; one system may serve all
cases, one after the other.
"""

import pytest

from conformance.erp import changing, placing, reading
from conformance.erp.trial import Case

CASES = (*placing.CASES, *changing.CASES, *reading.CASES)
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])

__all__ = ["CASES", "Case", "every_case"]
