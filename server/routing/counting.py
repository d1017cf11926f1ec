"""The tokens of an answer: those that the provider reports, else an estimate that has learnt from such reports.

What a provider said of the prompt when a stream began is kept when the stream never ends; only the rest is estimated.
"""

from msgspec.structs import replace

from server.chat.calibration import Calibration, Kind
from server.chat.deployment import Candidate
from server.chat.estimate import estimate_answer_tokens
from server.chat.prompt_tokens import Tokens, is_long
from server.chat.usage import Usage
from server.providers.dialect import Answer
from server.routing.tail import StreamTail


def usage_of_answer(calibration: Calibration, candidate: Candidate, answer: Answer, prompt_tokens: Tokens) -> Usage:
    """The tokens of a whole answer; `prompt_tokens` is an estimate of the prompt."""
    reported = answer.facts.usage
    if reported is None:
        written_tokens = estimate_answer_tokens(answer.body)
        return _estimate(calibration, candidate, Kind.ANSWER, prompt_tokens, written_tokens)
    provider, model = candidate.deployment.provider, candidate.model
    if calibration.is_due(provider, model, Kind.ANSWER, is_long=is_long(prompt_tokens)):
        written_tokens = estimate_answer_tokens(answer.body)
        _learn(calibration, candidate, Kind.ANSWER, (int(prompt_tokens), written_tokens), reported)
    return reported


def usage_of_stream(
    calibration: Calibration, candidate: Candidate, tail: StreamTail, prompt_tokens: Tokens, *, learns: bool = True
) -> Usage:
    """The tokens of a stream as far as it came; `prompt_tokens` is an estimate of the prompt.

    `learns` is true for one reader of a stream and no more.
    """
    if tail.usage is None:
        made = _estimate(calibration, candidate, Kind.STREAM, prompt_tokens, tail.estimated_tokens)
        begun = tail.begun
        return made if begun is None else replace(begun, output_tokens=made.output_tokens, is_estimated=True)
    provider, model = candidate.deployment.provider, candidate.model
    if learns and calibration.is_due(provider, model, Kind.STREAM, is_long=is_long(prompt_tokens)):
        _learn(calibration, candidate, Kind.STREAM, (int(prompt_tokens), tail.estimated_tokens), tail.usage)
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


def _learn(
    calibration: Calibration, candidate: Candidate, kind: Kind, estimated: tuple[int, int], reported: Usage
) -> None:
    provider, model = candidate.deployment.provider, candidate.model
    calibration.learn(provider, model, Kind.PROMPT, estimated[0], reported.prompt_tokens)
    calibration.learn(provider, model, kind, estimated[1], reported.completion_tokens)
