"""Suppliers, a folder per dialect."""
