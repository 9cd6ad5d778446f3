"""A warehouse that posts goods receipts and tells of them."""
