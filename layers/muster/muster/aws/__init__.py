"""Adapters: the only place that calls AWS.

One module per thing that is talked to. Each is small, typed at its edge, and knows the AWS error codes of its service,
so that handlers and rules see values and Muster's own errors. The rules of :mod:`muster` never import from here.
"""
