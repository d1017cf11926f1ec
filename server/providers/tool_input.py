"""The arguments of a tool call for vendors that take an object where OpenAI's form has a text of JSON.

Pure. Nothing is decoded to values: the bytes that the model wrote go on as they are.
"""

import msgspec
from msgspec import Raw

from server.chat.request import ChatRequest
from server.chat.turns import Call


def input_of(request: ChatRequest, call: Call) -> object:
    """The arguments as the object that they are, each byte as the model wrote it; what is no object becomes one."""
    if call.is_custom:
        return {"input": call.arguments}
    text = call.arguments.strip()
    if not text:
        return {}
    try:
        msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        request.lose(call.path, "has arguments that are not a JSON object; they are sent as the text of one member.")
        return {"arguments": call.arguments}
    return Raw(text.encode())
