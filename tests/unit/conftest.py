"""Settings of the property tests: no deadline (other tests share the two cores), as many examples as seconds allow."""

from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")
