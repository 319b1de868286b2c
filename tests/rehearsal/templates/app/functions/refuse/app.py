"""Refuses."""


class Refused(Exception):
    pass


def handler(event, context):
    raise Refused("not today")
