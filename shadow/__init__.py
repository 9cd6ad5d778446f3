"""Shadow decisions: what was decided is decided again under other policies, beside the running engine.

Reads the ledger and two sets of policies, writes nothing, and knows no workflow: the decisions are pure functions of
what the facts recorded.
"""
