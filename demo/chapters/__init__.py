"""The chapters, in their order: from a published plan to confirmed and received orders."""

from demo.chapters.answers import answers
from demo.chapters.edit import edit
from demo.chapters.engineering import engineering
from demo.chapters.landscape import landscape
from demo.chapters.plan import plan
from demo.chapters.receipts import receipts
from demo.chapters.rerun import rerun
from demo.chapters.shortages import shortages

CHAPTERS = (plan, answers, shortages, rerun, engineering, edit, receipts, landscape)

__all__ = ["CHAPTERS"]
