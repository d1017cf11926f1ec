"""Path templates: what parses into what, and what each mistake is called."""

import pytest

from edge.transcoder.template import (
    TemplateError,
    TemplateRefusedError,
    Variable,
    overlaps,
    parse_template,
    specificity,
)


@pytest.mark.parametrize(
    ("text", "segments", "verb", "variables"),
    [
        pytest.param("/", (), "", (), id="the root"),
        pytest.param("/a", ("a",), "", (), id="a literal"),
        pytest.param("/a/*/**", ("a", "*", "**"), "", (), id="wildcards"),
        pytest.param("/a:do", ("a",), "do", (), id="a verb after a literal"),
        pytest.param("/**:do", ("**",), "do", (), id="a verb after the rest of the path"),
        pytest.param("/{x}", ("*",), "", (Variable("x", 0, 1),), id="a variable is one segment"),
        pytest.param("/{x=*}", ("*",), "", (Variable("x", 0, 1),), id="the same, spelt out"),
        pytest.param("/a/{x.y_1.z}", ("a", "*"), "", (Variable("x.y_1.z", 1, 2),), id="a path of fields"),
        pytest.param("/{x=a/*}/b", ("a", "*", "b"), "", (Variable("x", 0, 2),), id="several segments"),
        pytest.param("/{x=**}", ("**",), "", (Variable("x", 0, -1),), id="the rest of the path"),
        pytest.param("/{x=a}:do", ("a",), "do", (Variable("x", 0, 1),), id="a literal inside a variable"),
        pytest.param("/a%20b/~c", ("a%20b", "~c"), "", (), id="escapes stay as written"),
    ],
)
def test_a_template_parses(text: str, segments: tuple[str, ...], verb: str, variables: tuple[Variable, ...]) -> None:
    template = parse_template(text)
    assert (template.segments, template.verb, template.variables) == (segments, verb, variables)
    assert template.text == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "path template '': a path template begins with '/' (character 1)"),
        ("a/b", "path template 'a/b': a path template begins with '/' (character 1)"),
        ("//", "path template '//': a segment must not be empty (character 2)"),
        ("/a/", "path template '/a/': a segment must not be empty (character 4)"),
        ("/a//b", "path template '/a//b': a segment must not be empty (character 4)"),
        ("/:do", "path template '/:do': a segment must not be empty (character 2)"),
        ("/a:", "path template '/a:': a verb must not be empty (character 4)"),
        ("/a:do/b", "path template '/a:do/b': unexpected '/' (character 6)"),
        ("/a?b=c", "path template '/a?b=c': unexpected '?' (character 3)"),
        ("/a b", "path template '/a b': unexpected ' ' (character 3)"),
        ("/é", "path template '/é': unexpected 'é' (character 2)"),
        ("/a#b", "path template '/a#b': unexpected '#' (character 3)"),
        ("/***", "path template '/***': unexpected '*' (character 4)"),
        ("/a*", "path template '/a*': unexpected '*' (character 3)"),
        ("/a{x}", "path template '/a{x}': unexpected '{' (character 3)"),
        ("/{x}a", "path template '/{x}a': unexpected 'a' (character 5)"),
        ("/{}", "path template '/{}': a field name must begin with a letter or '_' (character 3)"),
        ("/{1}", "path template '/{1}': a field name must begin with a letter or '_' (character 3)"),
        ("/{x.}", "path template '/{x.}': a field name must begin with a letter or '_' (character 5)"),
        ("/{x", "path template '/{x': a variable that is not closed with '}' (character 4)"),
        ("/{x=}", "path template '/{x=}': a segment must not be empty (character 5)"),
        ("/{x=/a}", "path template '/{x=/a}': a segment must not be empty (character 5)"),
        ("/{x=a/}", "path template '/{x=a/}': a segment must not be empty (character 7)"),
        ("/**/*", "path template '/**/*': a wildcard after '**' (character 5)"),
        ("/**/{x}", "path template '/**/{x}': a wildcard after '**' (character 5)"),
        ("/a%2", "path template '/a%2': a malformed percent escape (character 3)"),
        ("/a%zz", "path template '/a%zz': a malformed percent escape (character 3)"),
        ("/a%ff", "path template '/a%ff': a malformed percent escape (character 3)"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(text)
    assert str(caught.value) == problem
    assert not isinstance(caught.value, TemplateRefusedError)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/**/a", "path template '/**/a': a segment after '**' (character 5)"),
        ("/{x=**}/a", "path template '/{x=**}/a': a segment after '**' (character 9)"),
        ("/{x={y}}", "path template '/{x={y}}': a variable inside a variable (character 5)"),
        ("/{x}/{x}", "path template '/{x}/{x}': the variable 'x' stands twice (character 6)"),
        ("/a:b:c", "path template '/a:b:c': a second ':' in the verb (character 5)"),
        ("/{x=a:b}", "path template '/{x=a:b}': ':' inside a variable (character 6)"),
    ],
)
def test_what_others_accept_is_refused_on_purpose(text: str, problem: str) -> None:
    with pytest.raises(TemplateRefusedError) as caught:
        parse_template(text)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("/a", "/a", True),
        ("/a", "/b", False),
        ("/a", "/*", True),
        ("/a/*", "/*/b", True),
        ("/a", "/a/**", True),
        ("/a", "/a/b/**", False),
        ("/**", "/", True),
        ("/*", "/", False),
        ("/a:x", "/a", False),
        ("/a:x", "/*:x", True),
        ("/a%2Db", "/a-b", True),
        ("/{x=a/*}", "/{y}/b", True),
    ],
)
def test_templates_overlap_when_a_path_matches_both(left: str, right: str, expected: bool) -> None:
    one, other = parse_template(left), parse_template(right)
    assert overlaps(one, other) is overlaps(other, one) is expected


def test_literals_are_more_specific_than_wildcards() -> None:
    in_order = ["/a/b", "/a/*", "/a/**", "/*/b", "/**"]
    assert sorted(in_order, key=lambda text: specificity(parse_template(text)), reverse=True) == in_order


@pytest.mark.parametrize(("text", "expected"), [("/a/b:do", True), ("/a/*", False), ("/{x}", False), ("/a%20b", False)])
def test_a_static_template_matches_its_own_text_only(text: str, expected: bool) -> None:
    assert parse_template(text).is_static is expected
