"""The other side of the measure: a straight Temporal workflow per requirement, as a competent user would write it.

It makes the external calls of an order one by one and waits for the same two messages. No ledger, no inbox, no rules,
no consolidation, no protection against duplicates beyond idempotency keys. What exactly it does is in
benchmarks/README.md.
"""
