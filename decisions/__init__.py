"""What the engine decides, a module a rule: pure functions of nouns, thresholds and the day it is.

Nothing here reads a clock, draws a number or calls anyone: `today` and `now` are arguments, thresholds are plant
policy. Results are named tuples that say which rule decided, on what, and why in words.
"""
