"""What is assumed of a model that nobody knows."""

import msgspec
import pytest

from server.chat.model_facts import UNKNOWN_MODEL, Knobs, ModelFacts


def test_an_unknown_model_has_no_limits_and_takes_everything_that_has_one_form() -> None:
    knobs = UNKNOWN_MODEL.knobs
    assert (UNKNOWN_MODEL.max_output_tokens, UNKNOWN_MODEL.is_known) == (None, False)
    assert (knobs.sampling, knobs.prefill, knobs.forced_tools, knobs.schemas) == (True, True, True, True)
    assert (knobs.thinking, knobs.efforts) == ((), ())


def test_a_known_model_says_so() -> None:
    assert ModelFacts(100).is_known


def test_a_knob_that_is_misspelled_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `samplin`"):
        msgspec.json.decode(b'{"samplin": false}', type=Knobs)
