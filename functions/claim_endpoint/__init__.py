"""The function `claim_endpoint`."""
