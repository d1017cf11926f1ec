"""How many tokens a text or a request is likely to be, without any tokenizer.

Used before an upstream has counted: for limits, context windows and complexity, and for usage that was never reported.
Pure and linear: a text is encoded once and its bytes are counted by class. The weights follow what byte-pair
vocabularies of 100,000 to 200,000 entries do with prose and code, and lean to the high side:

- a word of ASCII letters is one token, and long ones are a token for every five letters;
- two digits are a token (vocabularies group up to three), a mark of punctuation or a line break three quarters of one;
- a space belongs to the word that follows, runs of spaces fold, and the indent of a line is a token;
- letters of two-byte alphabets (Cyrillic, Greek, Arabic, accented Latin) are half a token each;
- a character of Chinese, Japanese or Korean is a token, as is one of any other three-byte script; an emoji is two.

This module must not be used to bill when a provider reported usage.
"""

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.view import Message, Part, RawMember, Text, Tool

MESSAGE_TOKENS = 4
"""What a message costs beyond its text: its role and its marks."""
REPLY_TOKENS = 3
"""What primes the answer, once for each request."""
TOOL_TOKENS = 8
"""What the frame of a tool's definition costs beyond its texts."""
IMAGE_TOKENS = {"low": 85, "auto": 765, "high": 1105, "original": 1105}
"""An image by its `detail`: OpenAI's base of 85, and 170 for each tile of 512 pixels (4 and 6 of them)."""
AUDIO_BASE64_BYTES_PER_TOKEN = 512
"""Sound in base64: compressed speech of 4 to 8 KB a second at some 10 tokens a second."""
FILE_BASE64_BYTES_PER_TOKEN = 24
"""A file in base64, as a PDF with some text and some pictures."""
STREAMED_BYTES_PER_TOKEN = 5
"""A token in a streamed delta, a letter beyond ASCII being two bytes or more."""
STREAMED_MEMBER_BYTES = 12
"""The member of a delta around its text: `"content":""`."""
FILE_TOKENS = 1000
"""A file that is known by its id only."""

_SCHEMAS = ("functions", "response_format")
_WITHOUT_CALLS = frozenset({"user", "system", "developer"})
_LETTERS = bytes(range(ord("A"), ord("Z") + 1)) + bytes(range(ord("a"), ord("z") + 1))
_DIGITS = b"0123456789"
_ASCII = bytes(range(128))
_TWO_BYTE_LEADS = bytes(range(0xC0, 0xE0))
_THREE_BYTE_LEADS = bytes(range(0xE0, 0xF0))
_FOUR_BYTE_LEADS = bytes(range(0xF0, 0x100))


def estimate_text_tokens(text: str) -> int:
    """Tokens of a text, 0 for an empty one, else at least 1."""
    if not text:
        return 0
    data = text.encode("utf-8", "surrogatepass")
    # Each step deletes a class and goes on with what is left, most of the text being gone after the first.
    rest = data.translate(None, _LETTERS)
    letters = len(data) - len(rest)
    unspaced = rest.translate(None, b" ")
    spaces, indents = len(rest) - len(unspaced), 0
    # `find` and not `in`, which takes bytes for a number first, and that ten times as long.
    if data.find(b"  ") >= 0:
        spaces -= 2 * data.count(b"  ")
        indents = data.count(b"\n  ")
    words = min(letters, spaces + 1)
    others = unspaced.translate(None, _DIGITS)
    digits = len(unspaced) - len(others)
    quarters = 4 * max(words, (letters + words) // 5) + 4 * indents + 2 * digits
    if not text.isascii():
        foreign = others.translate(None, _ASCII)
        quarters += _quarters_of_scripts(foreign)
        marks = len(others) - len(foreign)
    else:
        marks = len(others)
    return max(1, -(-(quarters + 3 * marks) // 4))


def _quarters_of_scripts(foreign: bytes) -> int:
    """Quarters of tokens of text that is not ASCII, by the lead bytes of its characters."""
    size = len(foreign)
    two = size - len(foreign.translate(None, _TWO_BYTE_LEADS))
    three = size - len(foreign.translate(None, _THREE_BYTE_LEADS))
    four = size - len(foreign.translate(None, _FOUR_BYTE_LEADS))
    return 2 * two + 4 * three + 8 * four


def estimate_tokens(request: ChatRequest) -> int:
    """Tokens of a request's prompt: messages, tools, and the schema of the answer; at least 1."""
    view = request.view
    # All texts are counted in one go: the fixed cost of counting is that of a hundred characters.
    texts: list[Text] = []
    schemas: list[RawMember] = []
    if not request.is_plain:
        schemas += [request.members[name] for name in _SCHEMAS if name in request.members]
    tokens = REPLY_TOKENS + MESSAGE_TOKENS * len(view.messages)
    for message in view.messages:
        content = message.content
        if isinstance(content, str):
            texts.append(content)
        elif content:
            tokens += _add_parts(content, texts)
        if message.role not in _WITHOUT_CALLS:
            tokens += _add_calls(message, texts)
        if message.name:
            texts.append(message.name)
    for tool in view.tools or ():
        tokens += TOOL_TOKENS
        _add_tool(tool, texts, schemas)
    tokens += estimate_text_tokens(" ".join([text for text in texts if text.__class__ is str]))
    if not schemas:
        return tokens
    # Providers write schemas out more tersely than JSON does, so a quarter of them is not counted.
    written = b" ".join(bytes(schema) for schema in schemas if isinstance(schema, Raw)).decode()
    return tokens + (3 * estimate_text_tokens(written) + 3) // 4


class _Function(Struct, gc=False):
    name: str = ""
    arguments: str = ""


class _Call(Struct, gc=False):
    function: _Function | None = None


class _Said(Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct, gc=False):
    message: _Said | None = None


class _Answer(Struct, gc=False):
    choices: list[_Choice] | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def estimate_answer_tokens(body: bytes) -> int:
    """Tokens of what a whole answer says: its texts, its reasoning as far as it shows, and the calls of tools."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return estimate_text_tokens(body.decode("utf-8", "replace"))
    texts: list[Text] = []
    calls = 0
    for choice in answer.choices or ():
        if choice.message is None:
            continue
        said = choice.message
        texts += (said.content, said.reasoning_content, said.refusal)
        for call in said.tool_calls or ():
            calls += 1
            if call.function:
                texts += (call.function.name, call.function.arguments)
    return MESSAGE_TOKENS * calls + estimate_text_tokens(" ".join([text for text in texts if isinstance(text, str)]))


def _add_parts(parts: list[Part], texts: list[Text]) -> int:
    tokens = 0
    for part in parts:
        texts += (part.text, part.refusal)
        if part.image_url:
            detail = part.image_url.detail
            tokens += IMAGE_TOKENS.get(detail if isinstance(detail, str) else "auto", IMAGE_TOKENS["auto"])
        if part.input_audio:
            tokens += len(part.input_audio.data) // AUDIO_BASE64_BYTES_PER_TOKEN + 1
        if part.file:
            data = part.file.file_data
            tokens += len(data) // FILE_BASE64_BYTES_PER_TOKEN + 1 if isinstance(data, str) else FILE_TOKENS
        if isinstance(part.source, Raw):
            tokens += len(bytes(part.source)) // FILE_BASE64_BYTES_PER_TOKEN + 1
    return tokens


def _add_calls(message: Message, texts: list[Text]) -> int:
    texts.append(message.refusal)
    for call in message.tool_calls or ():
        if call.function:
            texts += (call.function.name, call.function.arguments)
        if call.custom:
            texts += (call.custom.name, call.custom.input)
    if message.function_call:
        texts += (message.function_call.name, message.function_call.arguments)
    return MESSAGE_TOKENS * len(message.tool_calls or ())


def _add_tool(tool: Tool, texts: list[Text], schemas: list[RawMember]) -> None:
    if tool.function:
        texts += (tool.function.name, tool.function.description)
        schemas.append(tool.function.parameters)
    if tool.custom:
        texts += (tool.custom.name, tool.custom.description)
        schemas.append(tool.custom.format)
