"""Muster's shared package: the rules, the contracts and the adapters of the product.

Layers, from the inside out; imports point inwards only:

``muster.errors``, ``muster.contracts``
    What the functions say to each other, and one exception class per cause.
``muster.gates``, ``muster.approval``, ``muster.rollout``, ``muster.retraining``, ``muster.evidence``, ...
    The rules: pure functions over typed values. No boto3, no clock, no environment.
``muster.plans``
    Builders of AWS request fragments; pure as well.
``muster.aws``
    Adapters: the only place that calls AWS.
"""
