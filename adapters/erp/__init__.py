"""The ERP, a sub-folder a dialect."""
