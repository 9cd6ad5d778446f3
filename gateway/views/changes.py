"""Reads of engineering changes: the list, one with what becomes of everything, and its trace (R13)."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query

from canonical.identity import change_id
from canonical.records import ChangeStage
from gateway.intake.routes import problems
from gateway.problems import not_found
from gateway.views.change_views import (
    ChangeDetail,
    ChangeListed,
    ChangeTrace,
    change_detail,
    change_trace,
    listed_change,
)
from gateway.views.requirements import After, Limit, Listed, listed
from ledger.ledger import Ledger


def change_routes(ledger: Ledger) -> APIRouter:
    """The routes that tell of engineering changes."""
    routes = APIRouter(prefix="/v1/changes", tags=["Engineering changes"])
    one = "/{plant}/{assembly}/{revision}"

    @routes.get(
        "", response_model=Listed[ChangeListed], summary="Engineering changes, by id", responses=problems(400, 422)
    )
    async def list_changes(
        plant: str | None = None,
        assembly: Annotated[str | None, Query(description="Whose bill of material is revised")] = None,
        stage: Annotated[
            ChangeStage | None,
            Query(description="`proposed`: a person is asked, see /v1/exceptions"),
        ] = None,
        limit: Limit = 50,
        after: After = None,
    ) -> Listed[ChangeListed]:
        page = await ledger.reads.changes(plant=plant, assembly=assembly, stage=stage, limit=limit, after=after)
        query = {"plant": plant, "assembly": assembly, "stage": stage, "limit": limit}
        return listed("/v1/changes", query, [listed_change(row) for row in page.items], page.next)

    @routes.get(one, response_model=ChangeDetail, summary="One engineering change", responses=problems(404))
    async def read_change(plant: str, assembly: str, revision: str) -> ChangeDetail:
        """What is proposed and what each way out costs; the dispositions of every order line, which add up to what it
        holds; the requirements concerned and what they go on needing; the decision; the needs of the new components;
        and what people have to do. `check` says at the end that nothing was left over.
        """
        row = await ledger.reads.change(change_id(plant, assembly, revision))
        if row is None:
            raise _unknown(plant, assembly, revision)
        return change_detail(row)

    @routes.get(
        one + "/trace",
        response_model=ChangeTrace,
        summary="Every audit event of an engineering change",
        responses=problems(404),
    )
    async def read_change_trace(plant: str, assembly: str, revision: str) -> ChangeTrace:
        """Audit events of the change, of its questions, and what its requirements made of it, by business time; what
        came in
        for it; and whether each chain of hashes holds.
        """
        found = await change_trace(ledger, change_id(plant, assembly, revision))
        if found is None:
            raise _unknown(plant, assembly, revision)
        return found

    # An id as it stands in audit events and exceptions may be put behind the address as it is.
    routes.get("/change" + one, response_model=ChangeDetail, include_in_schema=False)(read_change)
    routes.get("/change" + one + "/trace", response_model=ChangeTrace, include_in_schema=False)(read_change_trace)
    return routes


def _unknown(plant: str, assembly: str, revision: str) -> Exception:
    return not_found(
        "engineering change",
        change_id(plant, assembly, revision),
        f"list the changes of the assembly: GET /v1/changes?{urlencode({'plant': plant, 'assembly': assembly})}; "
        "one that was taken in a moment ago may not have recorded its first state yet",
    )


__all__ = ["change_routes"]
