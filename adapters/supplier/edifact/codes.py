"""The codes of dates and quantities in an order response, in groups of one meaning.

Source: code lists 2005 and 6063 of the UN/EDIFACT directories D.93A to D.18A (UNECE, UNTDID part 3), in our own words.
A code that no group names is no answer: a date of delivery that we can't place makes a line unreadable unless a promise
that we know stands beside it, and an unknown quantity makes it unreadable in any case, since it may contradict.
"""

# -- dates (2005)

REQUESTED = "2"
FIRM = ("55", "67", "69")
"""Confirmed, current schedule, promised for: the supplier's promise."""
ESTIMATED = ("17",)
"""Estimated: used where there is no firm date."""
BUYERS_LIMITS = frozenset({"37", "38", "49", "61", "63", "64", "71", "74", "81", "84", "312", "383"})
"""Not before, latest, cancel if not delivered by: they repeat what the buyer set, and promise nothing."""
DESPATCH = frozenset({"10", "11", "79"})
"""Shipment requested, despatch, shipment promised: when goods leave is not when they arrive."""
_OTHER_DELIVERIES = frozenset(
    {
        *("35", "39", "44", "65", "72", "75", "76", "85", "110", "117", "128", "132", "133", "136", "178", "186"),
        *("189", "191", "196", "200", "208", "223", "231", "232", "233", "234", "235", "252", "253", "255", "270"),
        *("271", "277", "278", "279", "280", "298", "355", "358", "359", "362", "398", "506", "687", "688", "689"),
        *("757", "758", "759", "764", "777", "806"),
    }
)
"""Further dates of delivery, arrival, availability, collection and shipment; which of them is a promise is not said."""


_DELIVERIES = _OTHER_DELIVERIES | BUYERS_LIMITS | DESPATCH | {REQUESTED, *FIRM, *ESTIMATED}


def is_delivery_date(code: str) -> bool:
    """Whether the date may say when goods come, leave or are available; codes of private agreements may."""
    return code in _DELIVERIES or not (code.isascii() and code.isdigit())


def is_unplaced_date(code: str) -> bool:
    """Whether it is a date of delivery without a known meaning for a promise."""
    return code in _OTHER_DELIVERIES or not (code.isascii() and code.isdigit())


# -- quantities (6063)

ORDERED = "21"
COMING = ("113", "12")
"""To be delivered, despatched: two ways to say what comes; both at once must agree."""
SPLIT = "11"
"""A part of what comes, with a date of its own."""
BACKORDERED = "83"
SHORT = "119"
"""Short shipped: it does not come now, and nothing says that it never will."""
CANCELLED = ("85", "182")
"""Of the order and to be cancelled: it never comes."""
OF_NO_CONCERN = frozenset({"47", "52", "53", "54", "59", "129"})
"""Invoiced; per pack; minimum and maximum order; consumer units in the traded unit; units of the price."""
