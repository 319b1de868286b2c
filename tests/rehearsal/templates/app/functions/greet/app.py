"""Greets, with the layer's word."""

import os

from common.words import HELLO


def handler(event, context):
    return {"text": f"{HELLO}, {event['name']}", "table": os.environ["TABLE"], "function": context.function_name}
