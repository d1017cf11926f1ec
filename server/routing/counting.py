"""The tokens of an answer: those that the provider reports, else an estimate that has learnt from such reports.

What a provider said of the prompt when a stream began is kept when the stream never ends; only the rest is estimated.
"""

from typing import Final

from msgspec.structs import replace

from server.chat.calibration import Calibration, Kind
from server.chat.deployment import Candidate
from server.chat.estimate import estimate_answer_tokens
from server.chat.prompt_tokens import Tokens
from server.chat.usage import Usage
from server.providers.dialect import Answer
from server.routing.tail import StreamTail

# Looking a member up in its enumeration takes longer than looking up a name.
_ANSWER: Final = Kind.ANSWER
_STREAM: Final = Kind.STREAM


def usage_of_answer(calibration: Calibration, candidate: Candidate, answer: Answer, prompt_tokens: Tokens) -> Usage:
    """The tokens of a whole answer; `prompt_tokens` is an estimate of the prompt."""
    reported = answer.facts.usage
    if reported is None:
        written_tokens = estimate_answer_tokens(answer.body)
        return _estimate(calibration, candidate, _ANSWER, prompt_tokens, written_tokens)
    provider, model = candidate.deployment.provider, candidate.model
    if calibration.is_due(provider, model, _ANSWER, prompt_tokens):
        written_tokens = estimate_answer_tokens(answer.body)
        calibration.learn_call(provider, model, _ANSWER, (int(prompt_tokens), written_tokens), reported)
    return reported


def usage_of_stream(
    calibration: Calibration, candidate: Candidate, tail: StreamTail, prompt_tokens: Tokens, *, learns: bool = True
) -> Usage:
    """The tokens of a stream as far as it came; `prompt_tokens` is an estimate of the prompt.

    `learns` is true for one reader of a stream and no more.
    """
    if tail.usage is None:
        made = _estimate(calibration, candidate, _STREAM, prompt_tokens, tail.estimated_tokens)
        begun = tail.begun
        return made if begun is None else replace(begun, output_tokens=made.output_tokens, is_estimated=True)
    provider, model = candidate.deployment.provider, candidate.model
    if learns and calibration.is_due(provider, model, _STREAM, prompt_tokens):
        estimated_tokens = int(prompt_tokens), tail.estimated_tokens
        calibration.learn_call(provider, model, _STREAM, estimated_tokens, tail.usage)
    return tail.usage


def _estimate(
    calibration: Calibration, candidate: Candidate, kind: Kind, prompt_tokens: Tokens, written_tokens: int
) -> Usage:
    provider, model = candidate.deployment.provider, candidate.model
    return Usage(
        input_tokens=calibration.corrected(provider, model, Kind.PROMPT, int(prompt_tokens)),
        output_tokens=calibration.corrected(provider, model, kind, written_tokens),
        is_estimated=True,
    )
