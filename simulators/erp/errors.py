"""SAP's no: one problem or several, and the error body of OData V2 that tells them.

Not decided here: when something is a problem (requisitions, orders, wire).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TRANSACTION = itertools.count(1)


@dataclass(frozen=True)
class Problem:
    """One message of SAP: class/number, text, the property and the item it is about."""

    code: str
    text: str
    property: str = ""
    target: str = ""

    def detail(self) -> dict[str, Any]:
        """Return the entry of errordetails."""
        return {
            "ContentID": "",
            "code": self.code,
            "message": self.text,
            "longtext_url": "",
            "propertyref": self.property,
            "severity": "error",
            "transition": False,
            "target": self.target,
        }


class SapError(Exception):
    """The request is refused; the first problem speaks for all."""

    def __init__(self, problems: Sequence[Problem], status: int = 400) -> None:
        super().__init__(problems[0].text)
        self.problems = list(problems)
        self.status = status


def refuse(code: str, text: str, *, status: int = 400, property: str = "", target: str = "") -> SapError:
    """Return the error of a single problem, to be raised."""
    return SapError([Problem(code, text, property, target)], status)


def malformed(text: str, *, status: int = 400) -> SapError:
    """Return the error of a request that the gateway can't read, to be raised."""
    return refuse("/IWFND/CM_MGW/005", text, status=status)


def not_found(entity_set: str, key: str) -> SapError:
    """Return the error of an entity that is not there, to be raised."""
    return refuse("/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{entity_set}' ({key})", status=404)


def error_body(error: SapError, service: str = "") -> dict[str, Any]:
    """Return the body that SAP Gateway answers with."""
    first = error.problems[0]
    return {
        "error": {
            "code": first.code,
            "message": {"lang": "en", "value": first.text},
            "innererror": {
                "application": {
                    "component_id": "MM-PUR",
                    "service_namespace": "/SAP/",
                    "service_id": service,
                    "service_version": "0001",
                },
                "transactionid": f"{next(_TRANSACTION):032X}",
                "timestamp": "",
                "Error_Resolution": {"SAP_Transaction": "", "SAP_Note": ""},
                "errordetails": [problem.detail() for problem in error.problems],
            },
        }
    }
