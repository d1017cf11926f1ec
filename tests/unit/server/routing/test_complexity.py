"""Complexity: labelled conversations, and what each rule adds."""

import msgspec
import pytest

from server.chat.prompt_tokens import PromptTokens, most_of
from server.chat.request import parse_chat_request
from server.routing.complexity import Complexity, Features, classify, judge
from server.routing.features import class_of_view, features_of
from server.routing.task_words import TASKS

CASES = [
    ("a greeting", "Hello!", 9, 1, 0, Complexity.SIMPLE),
    ("a question of fact", "What is the capital of France?", 14, 1, 0, Complexity.SIMPLE),
    ("a translation", "Translate this sentence into German: good morning.", 18, 1, 0, Complexity.SIMPLE),
    ("a summary of a page", "Summarise the text below.", 700, 1, 0, Complexity.MODERATE),
    ("a question with a tool", "What is the weather in Oslo?", 60, 1, 1, Complexity.SIMPLE),
    ("code to debug", "Debug this:\n```\ndef f(): pass\n```", 80, 1, 0, Complexity.COMPLEX),
    ("an algorithm, explained", "Implement the algorithm step by step and explain it. Use class Foo.", 200, 1, 0,
     Complexity.COMPLEX),
    ("a proof about consensus", "Prove that distributed consensus needs 2f+1 nodes; analyse the theorem.", 60, 1, 0,
     Complexity.EXPERT),
    ("a long design talk with tools", "Design a system; compare the architecture options.", 2500, 8, 3,
     Complexity.COMPLEX),
    ("length, depth and tools without rigour", "Continue", 90_000, 40, 20, Complexity.COMPLEX),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tokens", "turns", "tools", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_classify(text: str, tokens: int, turns: int, tools: int, expected: Complexity) -> None:
    assert classify(Features(text, tokens, turns, tools)) is expected


def test_more_of_anything_never_lowers_the_class() -> None:
    order = list(Complexity)
    base = order.index(classify(Features("Explain it.", 100, 1, 0)))
    for features in (
        Features("Explain it.", 9000, 1, 0),
        Features("Explain it.", 100, 20, 0),
        Features("Explain it.", 100, 1, 9),
        Features("Explain it. Prove the theorem.", 100, 1, 0),
    ):
        assert order.index(classify(features)) >= base


def test_the_points_say_what_was_seen() -> None:
    judgement = judge(Features("Prove the theorem.\n```x```", 200, 7, 3))
    assert [(item.rule, item.points, item.because) for item in judgement.points] == [
        ("prompt length", 1, "200 tokens"),
        ("depth", 1, "7 messages"),
        ("tools", 1, "3 tools"),
        ("rigour", 10, "prove, theorem"),
        ("code", 2, "```"),
    ]
    assert judgement.score == 15


def test_words_are_found_at_their_beginning_only() -> None:
    assert classify(Features("Improve it", 9, 1, 0)) is Complexity.SIMPLE
    assert classify(Features("Prove it", 9, 1, 0)) is Complexity.EXPERT


@pytest.mark.parametrize("word", sorted({word for task in TASKS for word in task.words}))
def test_every_word_is_found_where_it_stands(word: str) -> None:
    text = f"a{word} b" if word[0] == " " else f"a{word}b"
    assert [item.rule for item in judge(Features(text, 9, 1, 0)).points] != []


@pytest.mark.parametrize("words", [1, 20, 100, 500, 1_400, 1_600, 5_000, 7_000, 50_000])
@pytest.mark.parametrize("asked", ["", "Explain it. ", "Compare a design. ", "Prove it. "])
def test_the_class_is_that_of_the_whole_judgement_however_little_is_counted(words: int, asked: str) -> None:
    text = asked + "some word " * (words // 2)
    request = parse_chat_request(msgspec.json.encode({"messages": [{"role": "user", "content": text}]}))
    tokens = PromptTokens(request)
    level = classify(features_of(request.view, tokens))
    assert level is judge(features_of(request.view, int(tokens))).level


def test_a_prompt_is_not_counted_whose_class_its_length_cannot_change() -> None:
    request = parse_chat_request(msgspec.json.encode({"messages": [{"role": "user", "content": "x " * 300}]}))
    tokens = PromptTokens(request)
    assert classify(features_of(request.view, tokens)) is Complexity.MODERATE
    assert tokens.counted is None


QUESTIONS: dict[str, object] = {
    "one message": [{"role": "user", "content": "Prove it"}],
    "the system's before it": [{"role": "system", "content": "Prove it"}, {"role": "user", "content": "Hi"}],
    "an answer after it": [{"role": "user", "content": "Prove it"}, {"role": "assistant", "content": "Compare"}],
    "no user's message": [{"role": "system", "content": "Prove it"}],
    "the system's after it": [{"role": "user", "content": "Prove it"}, {"role": "system", "content": "Hi"}],
    "five turns": [{"role": "user", "content": "Hi " * 40}] * 5,
    "six turns": [{"role": "user", "content": "Hi " * 40}] * 6,
    "twelve turns": [{"role": "user", "content": "Hi " * 40}] * 12,
    "parts": [{"role": "user", "content": [{"type": "text", "text": "Prove it"}]}],
    "nothing said": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "refusal": "no"}],
    "words at both ends": [{"role": "user", "content": "Explain " + "it " * 900 + " prove"}],
    "words in the middle": [{"role": "user", "content": "it " * 900 + " prove " + "it " * 900}],
    "no ASCII": [{"role": "user", "content": "Prové Prove " + "漢字" * 2_000}],
    "a length at each bound": [{"role": "user", "content": "x " * 40}],
    "a length below a bound": [{"role": "user", "content": "x" * 79}],
    "a length above the other": [{"role": "user", "content": "x" * 300}],
}


@pytest.mark.parametrize("tools", [0, 1, 3, 8])
@pytest.mark.parametrize("messages", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_the_short_way_to_the_class_leads_to_the_same(messages: object, tools: int) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    body = {"messages": messages} | ({"tools": [tool] * tools} if tools else {})
    request = parse_chat_request(msgspec.json.encode(body))
    for tokens in (PromptTokens(request), 9, 149, 150, 1_499, 1_500, 5_999, 6_000):
        whole = judge(features_of(request.view, int(tokens))).level
        assert class_of_view(request.view, tokens, most_of(tokens)) is whole
        assert classify(features_of(request.view, tokens)) is whole
