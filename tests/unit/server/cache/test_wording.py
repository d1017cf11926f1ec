"""What a turn says: near-duplicates are known as such, and what differs in a number or a denial never is."""

import random

import pytest

from server.cache.lexical import lexical_vector
from server.cache.neighbours import Match, Neighbours, turn_of
from server.cache.wording import every_word, telling_words, wording_of
from tests.unit.server.cache.answers import answer

LEAST = 0.95

MUST: list[tuple[str, str]] = [
    ("What is the capital of France?", "what is the capital of france"),
    ("What is the capital of France?", "WHAT IS THE CAPITAL OF FRANCE?"),
    ("What is the capital of France?", "  What is   the capital\n of France ?  ".replace(" ?", "?")),
    ("What is the capital of France?", "What's the capital of France?"),
    ("What is the capital of France?", "What\u2019s the capital of France?"),
    ("What is the capital of France?", "Hi, what is the capital of France?"),
    ("What is the capital of France?", "Hello! What is the capital of France?"),
    ("What is the capital of France?", "Please, what is the capital of France?"),
    ("What is the capital of France?", "What is the capital of France, please?"),
    ("What is the capital of France?", "What is the capital of France? Thanks!"),
    ("What is the capital of France?", "What is the capital of France? Thank you."),
    ("Explain the long-term plan.", "Explain the long term plan"),
    ("I don't know how it works; explain it", "I do not know how it works, explain it."),
    ("We cannot start the server", "We can not start the server."),
    ("We can't start the server", "We cannot start the server"),
    ("They're late, and we've waited", "They are late and we have waited"),
    ('Translate "good morning" into German', "Translate \u201cgood morning\u201d into German."),
    ("Summarize the caf\u00e9's menu", "summarize the cafe\u0301's menu"),
    ("What is 12*7?", "what is 12 * 7"),
    ("What is 12*7?", "Hey, what's 12 * 7? thanks"),
    ("Wie hei\u00dft die Hauptstadt von Frankreich?", "Hallo, wie hei\u00dft die Hauptstadt von Frankreich, bitte?"),
    ("A soft\u00adhyphen and a zero\u200bwidth space", "a softhyphen and a zerowidth space"),
    ("Name the US president of that year!", "name the US president of that year"),
]

MUST_NOT: list[tuple[str, str]] = [
    ("what is 12*7", "what is 12*8"),
    ("what is 12*7", "what is 12+7"),
    ("what is 12-7", "what is -12 7"),
    ("what is 12*7", "what is 127"),
    ("what is 1.5 times x", "what is 15 times x"),
    ("what is .5 times x", "what is 5 times x"),
    ("what is 5!", "what is 5?"),
    ("what is (a+b)*c", "what is a+(b*c)"),
    ("what is 2\u00b2", "what is 22"),
    ("is x < y", "is x > y"),
    ("who won in 1998?", "who won in 1989?"),
    ("call me at 10:30", "call me at 1030"),
    ("is it 5 mW", "is it 5 MW"),
    ("how large is 1 Mb", "how large is 1 MB"),
    ("Is it safe?", "Is it not safe?"),
    ("Do mix these two", "Don't mix these two"),
    ("coffee with sugar", "coffee without sugar"),
    ("Should I always do it?", "Should I never do it?"),
    ("I have a question", "I have no question"),
    ("Ist das erlaubt?", "Ist das nicht erlaubt?"),
    ("Das ist ein Problem", "Das ist kein Problem"),
    ("C'est vrai", "Ce n'est pas vrai"),
    ("give me two examples", "give me three examples"),
    ("the first chapter", "the second chapter"),
    ("What is the capital of Austria?", "What is the capital of Australia?"),
    ("flights from Paris to London", "flights from London to Paris"),
    ("The dog bites the man", "The man bites the dog"),
    ("symptoms of hypertension", "symptoms of hypotension"),
    ("increase the limit", "decrease the limit"),
    ("Tell us about it", "Tell US about it"),
    ("a program in C", "a program in C++"),
    ("a program in C#", "a program in C"),
    ("say hello", "say"),
    ("how do you say thanks", "how do you say"),
    ("Hello world in Go", "world in Go"),
    ("add $5", "add \u20ac5"),
    ("sort ascending", "sort descending"),
    ("write it in English " + "and keep the style " * 40, "write it in Spanish " + "and keep the style " * 40),
    ("wie viel ist in Ma\u00dfen", "wie viel ist in Massen"),
    ("is 10% enough", "is 10 enough"),
]


def found(one: str, other: str) -> Match | None:
    index, kept = Neighbours(1_000_000, 60.0), answer()
    first, second = wording_of(one), wording_of(other)
    index.keep(("ws", b"s"), turn_of(every_word(first), lexical_vector(first)), b"k", "req_1", 0.0)
    turn = turn_of(every_word(second), lexical_vector(second))
    return index.find(("ws", b"s"), turn, LEAST, lambda _: kept, 0.0)


@pytest.mark.parametrize(("one", "other"), MUST)
def test_near_duplicates_are_found(one: str, other: str) -> None:
    there, back = found(one, other), found(other, one)
    assert there is not None
    assert back is not None
    assert LEAST <= there.similarity == back.similarity <= 1
    assert telling_words(wording_of(one)) == telling_words(wording_of(other))


@pytest.mark.parametrize(("one", "other"), MUST_NOT)
def test_what_means_another_thing_is_not_found(one: str, other: str) -> None:
    assert found(one, other) is None
    assert found(other, one) is None


@pytest.mark.parametrize(("one", "other"), MUST_NOT[:24])
def test_numbers_signs_denials_and_counts_are_told_apart_whatever_the_vector_says(one: str, other: str) -> None:
    if one not in ("what is 12-7", "what is (a+b)*c", "is it 5 mW", "how large is 1 Mb"):
        assert telling_words(wording_of(one)) != telling_words(wording_of(other))


def test_any_other_number_is_another_question() -> None:
    rng = random.Random(11)
    for _ in range(2_000):
        one, other = (rng.choice(["{}", "-{}", "{}.5", "{}%"]).format(rng.randrange(300)) for _ in range(2))
        text = "Convert {} miles, and say how you did it."
        same = one == other
        assert (telling_words(wording_of(text.format(one))) == telling_words(wording_of(text.format(other)))) is same


@pytest.mark.parametrize("text", ["", "  \n", "?!", "Hi!", "Thanks.", "...", "\u200b"])
def test_what_says_nothing_has_few_words(text: str) -> None:
    assert len(wording_of(text).words) <= 2
