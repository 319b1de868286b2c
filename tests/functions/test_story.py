"""The whole way through the handlers, from a published model to a champion that is replaced and rolled back to."""

from tests.functions.world import ENDPOINT, MODEL, World


def test_a_published_model_becomes_champion(world: World) -> None:
    # When one version goes all the way
    planned = world.deployed()
    # Then it serves, is recorded, and is what the next candidate has to beat
    live = world.endpoints.live(ENDPOINT)
    assert live is not None
    assert live.config_name == planned["plan"]["config_name"]
    champion = world.item(f"MODEL#{MODEL}", "CHAMPION")
    assert champion is not None
    assert champion["package_arn"] == planned["claim"]["package_arn"]
    assert world.endpoints.lease(ENDPOINT) is None


def test_a_challenger_replaces_the_champion_and_is_rolled_back(world: World) -> None:
    # Given a champion and a challenger that replaced it
    first = world.deployed()
    second = world.deployed(world.challenger("two", b"other weights"), name="two")
    assert second["plan"]["previous_config"] == first["plan"]["config_name"]
    # When a person rolls back
    claim = world.claim({"endpoint": ENDPOINT, "reason": "complaints"}, "rollback", "back")
    plan = world.call("plan_rollback", {"claim": claim, **world.step("rollback", "back")})
    assert plan["config_name"] == first["plan"]["config_name"], plan
    world.shift(plan)
    verification = world.verify(plan, "rollback")
    result = world.record("back", "rollback", claim=claim, plan=plan, verification=verification)
    # Then the first serves again and the pointer follows
    assert result["outcome"] == "rolled_back"
    assert result["package_arn"] == first["claim"]["package_arn"]
    assert world.events.put[-1].detail_type == "ModelRolledBack"
    world.call("move_champion", world.event("muster", "ModelRolledBack", world.events.put[-1].detail))
    champion = world.item(f"MODEL#{MODEL}", "CHAMPION")
    assert champion is not None
    assert champion["package_arn"] == first["claim"]["package_arn"]
