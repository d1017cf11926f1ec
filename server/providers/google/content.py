"""Content parts as Gemini's: text, data in line, files by their address.

Content that cannot be carried is refused and never left out: an answer to half a question is worse than none.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.media import read_media
from server.chat.request import ChatRequest
from server.chat.turns import Said
from server.chat.view import FilePart, ImageUrl, InputAudio, Part, RawMember
from server.errors import ParamUnsupported

Made = dict[str, object]

IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_AUDIO_TYPES: Final = {
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aiff": "audio/aiff",
}
_ENDINGS: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "txt": "text/plain",
}
_TEXT: Final = "text/plain"


def parts_of(request: ChatRequest, said: Said) -> list[Made]:
    """The parts of a message's content, without empty texts. Raises ParamUnsupported for what Gemini does not take."""
    content = said.message.content
    if isinstance(content, str):
        return [{"text": content}] if content else []
    return [
        made
        for place, part in enumerate(content or ())
        for made in _of_part(request, part, f"{said.path}.content[{place}]")
    ]


class _Google(Struct):
    thought_signature: str | None = None


class _Extra(Struct):
    google: _Google | None = None


def signature_of(extra: RawMember) -> str | None:
    """Gemini's signature of a thought in an `extra_content`; None for none."""
    if not isinstance(extra, Raw):
        return None
    try:
        kept = msgspec.json.decode(extra, type=_Extra)
    except msgspec.DecodeError:
        return None
    return kept.google.thought_signature if kept.google else None


def _of_part(request: ChatRequest, part: Part, path: str) -> Iterator[Made]:
    made: Made | None = None
    if part.type == "text" and isinstance(part.text, str):
        made = {"text": part.text} if part.text else None
    elif part.type == "refusal" and isinstance(part.refusal, str):
        made = {"text": part.refusal} if part.refusal else None
    elif part.type == "image_url" and part.image_url:
        made = _image(request, part.image_url, f"{path}.image_url")
    elif part.type == "input_audio" and part.input_audio:
        made = _audio(part.input_audio, f"{path}.input_audio")
    elif part.type == "file" and part.file:
        made = _file(part.file, f"{path}.file")
    elif part.type == "document":
        made = _document(request, part, path)
    else:
        raise ParamUnsupported(
            f"The provider takes no content of the type {part.type[:40]!r} ('{path}').", param=f"{path}.type"
        )
    if made is not None:
        signature = signature_of(part.extra_content)
        yield made if signature is None else made | {"thoughtSignature": signature}
    if part.cache_control:
        request.tell(f"{path}.cache_control is not sent: the provider keeps prompts by itself.")


def _inline(media_type: str, data: str) -> Made:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _image(request: ChatRequest, image: ImageUrl, path: str) -> Made:
    if isinstance(image.detail, str) and image.detail != "auto":
        request.lose(f"{path}.detail", "is not sent: the provider has no such parameter.")
    media = read_media(image.url)
    if media is None:
        return _address(image.url, f"{path}.url")
    if media.media_type not in IMAGE_TYPES:
        raise ParamUnsupported(
            f"'{path}.url' holds {media.media_type or 'data of an unknown kind'}; the provider takes pictures as PNG,"
            " JPEG, WebP, HEIC and HEIF.",
            param=f"{path}.url",
        )
    return _inline(media.media_type, media.data)


def _address(url: str, path: str) -> Made:
    if url[:8].lower() != "https://":
        raise ParamUnsupported(f"'{path}' must be an https address or a data URL.", param=path)
    made: Made = {"fileUri": url}
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    if ending in _ENDINGS:
        made["mimeType"] = _ENDINGS[ending]
    return {"fileData": made}


def _audio(audio: InputAudio, path: str) -> Made:
    media_type = _AUDIO_TYPES.get(audio.format)
    if media_type is None:
        raise ParamUnsupported(
            f"'{path}.format' is {audio.format[:20]!r}; the provider takes {', '.join(_AUDIO_TYPES)}.",
            param=f"{path}.format",
        )
    return _inline(media_type, audio.data)


def _file(file: FilePart, path: str) -> Made:
    if isinstance(file.file_data, str):
        media = read_media(file.file_data)
        if media is None:
            return _address(file.file_data, f"{path}.file_data")
        return _inline(media.media_type or _TEXT, media.data)
    if isinstance(file.file_id, str) and file.file_id.startswith("https://"):
        return {"fileData": {"fileUri": file.file_id}}
    raise ParamUnsupported(
        f"'{path}' needs 'file_data', or a 'file_id' of the provider's own (an https address).", param=path
    )


class _Source(Struct):
    type: str = ""
    media_type: str = ""
    data: str = ""
    url: str = ""


def _document(request: ChatRequest, part: Part, path: str) -> Made:
    """A document of Anthropic's form."""
    source = msgspec.json.decode(part.source, type=_Source) if isinstance(part.source, Raw) else _Source()
    for name in ("title", "context", "citations"):
        if isinstance(getattr(part, name), Raw):
            request.tell(f"{path}.{name} is not sent: the provider has no such parameter.")
    if source.type == "base64":
        return _inline(source.media_type, source.data)
    if source.type == "text":
        return {"text": source.data}
    if source.type == "url":
        return _address(source.url, f"{path}.source.url")
    raise ParamUnsupported(f"'{path}.source' is of a type that the provider does not take.", param=f"{path}.source")
