"""Builders of the variable members of AWS requests: pure functions from contracts and settings to fragments.

What never varies (network isolation, encryption keys, tags) stands in the state machines, where a reader of the
workflow sees it. What JSONPath cannot say (optional members, lists of inputs, texts of numbers) comes complete from
here.
"""
