"""The other side of the comparison: a plain Temporal workflow per requirement, as a competent user would write it.

It makes the external calls of an order one by one and waits for the same two messages. No ledger, no inbox, no rules,
no consolidation, no protection against duplicates beyond idempotency keys. benchmarks/README.md describes it exactly.
"""
