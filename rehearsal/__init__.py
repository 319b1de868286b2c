"""The rehearsal: a local stand-in for AWS that runs what `sam deploy` would put into an account.

It is moto's server, pinned exactly, running moto's own Amazon States Language interpreter, and one module for each
thing that moto lacks. It imports nothing of the product: it reads the template, the rendered state machines and the
folders that they name.
"""

from rehearsal.rehearsal import Rehearsal

__all__ = ["Rehearsal"]
