"""What the pipeline is made of: what is left out does nothing."""

import msgspec

from server.parts import Parts


def test_each_pipeline_has_its_own_of_what_is_left_out() -> None:
    made = {field.name: field for field in msgspec.structs.fields(Parts)}
    for name in ("refusals", "metrics", "contents", "calibration", "under_way"):
        assert made[name].default_factory is not msgspec.NODEFAULT
    for name in ("watch", "line", "tracing", "semantic", "prices_of"):
        assert made[name].default is None
