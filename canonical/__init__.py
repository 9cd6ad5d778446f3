"""The nouns of the trade: frozen models without behaviour beyond their own invariants."""
