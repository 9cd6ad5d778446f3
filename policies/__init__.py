"""Plant policy as data: defaults ← company ← plant ← rules for item classes, items and suppliers (docs/policies.md)."""

from policies.book import FixedPolicies, PolicyBook
from policies.explain import Explanation, Value
from policies.reading import PolicyError

__all__ = ["Explanation", "FixedPolicies", "PolicyBook", "PolicyError", "Value"]
