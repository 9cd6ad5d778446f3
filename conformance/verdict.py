"""How a case fails, and how it is left out: in words that say the rule, what was seen, and what to do."""


class Nonconforming(AssertionError):
    """An adapter breaks a rule of its port."""

    def __init__(self, rule: str, seen: str, do: str) -> None:
        super().__init__(f"\n  rule: {rule}\n  seen: {seen}\n  do:   {do}")
        self.rule, self.seen, self.do = rule, seen, do


class CannotHappen(Exception):
    """A bench says that its system has no such thing; the case is skipped with this reason."""


__all__ = ["CannotHappen", "Nonconforming"]
