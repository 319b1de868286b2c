"""Parses each definition once, and about twice as fast.

A definition of 40 KB takes ANTLR in Python about half a second, and moto parses it at create and at every start.
Programs keep no state of a run, so that one can serve all executions (moto's own comment in IterationComponent says it).
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from rehearsal.patching import replace
from rehearsal.stepfunctions import distributed

_lock = threading.Lock()


def install() -> None:
    """Replace the parser's entry point."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    replace(AmazonStateLanguageParser, "parse", staticmethod(parse), ("definition",))


def parse(definition: str) -> tuple[Any, Any]:
    """Return the program of a definition, and None for the syntax tree, which nobody may need after that.

    Raises
    ------
    ASLParserException
        When it is not the States Language.
    """
    with _lock:  # ANTLR's tables are shared, and grow while it parses
        return _program(definition), None


@lru_cache(maxsize=256)
def _program(definition: str) -> Any:
    from antlr4 import CommonTokenStream, InputStream
    from antlr4.atn.PredictionMode import PredictionMode
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
    from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException, SyntaxErrorListener
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

    readable, settings = distributed.take_out(definition)
    tokens = CommonTokenStream(ASLLexer(InputStream(readable)))
    # SLL is faster and, where it succeeds, gives the same tree; where it does not, LL decides (ANTLR's own advice).
    for mode in (PredictionMode.SLL, PredictionMode.LL):
        tokens.seek(0)
        listener = SyntaxErrorListener()
        parser = ASLParser(tokens)
        parser.removeErrorListeners()
        parser.addErrorListener(listener)
        parser._interp.predictionMode = mode
        tree = parser.state_machine()
        if not listener.errors:
            program = Preprocessor().visit(tree)
            distributed.put_back(program, settings)
            return program
    raise ASLParserException(errors=listener.errors)
