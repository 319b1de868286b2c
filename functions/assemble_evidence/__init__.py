"""The function `assemble_evidence`."""
