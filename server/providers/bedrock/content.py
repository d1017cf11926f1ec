"""Content parts as Converse's blocks: text, pictures, documents, sound, film, marks of the prompt cache.

Converse takes data, and addresses in Amazon's own store (`s3://`); it fetches nothing, so that whoever sends the
request may have to. Content that it does not take is refused and never left out.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.media import Media, decode_text, needs_bytes, read_media
from server.chat.request import ChatRequest
from server.chat.turns import Said
from server.chat.view import CacheControl, FilePart, Mark, Part
from server.errors import ParamUnsupported
from server.providers.written import Made

_IMAGES: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_VIDEOS: Final = {"video/mp4": "mp4", "video/webm": "webm", "video/quicktime": "mov", "video/mpeg": "mpeg"}
_SOUNDS: Final = frozenset({"mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a", "mpeg", "pcm", "webm"})
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_ENDINGS: Final = frozenset(_DOCUMENTS.values())
_S3: Final = "s3://"
_NAME: Final = "document"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9\-()\[\] ]+")
_BLANKS: Final = re.compile(r" {2,}")
_MAX_NAME_CHARS: Final = 200


def blocks_of(request: ChatRequest, said: Said) -> list[Made]:
    """The blocks of a message's content, each with the mark of the cache after it. Texts of blanks are left out.

    Raises ParamUnsupported for content that Converse does not take.
    """
    content = said.message.content
    blocks: list[Made] = []
    if isinstance(content, str):
        if content.strip():
            blocks.append({"text": content})
    else:
        for place, part in enumerate(content or ()):
            blocks += _of_part(request, part, f"{said.path}.content[{place}]")
            blocks += marks_of(part.cache_control if blocks else None)
    return blocks


def marks_of(cache: Mark) -> list[Made]:
    """The block that marks what may be kept of the prompt; none without a mark."""
    if not isinstance(cache, CacheControl):
        return []
    point: Made = {"type": "default"}
    if isinstance(cache.ttl, str):
        point["ttl"] = cache.ttl
    return [{"cachePoint": point}]


def _of_part(request: ChatRequest, part: Part, path: str) -> Iterator[Made]:
    if part.type in ("text", "refusal"):
        text = part.text if part.type == "text" else part.refusal
        if isinstance(text, str) and text.strip():
            yield {"text": text}
    elif part.type == "image_url" and part.image_url:
        if isinstance(part.image_url.detail, str) and part.image_url.detail != "auto":
            request.lose(f"{path}.image_url.detail", "is not sent: the provider has no such parameter.")
        yield _image(part.image_url.url, f"{path}.image_url.url")
    elif part.type == "file" and part.file:
        yield _file(part.file, f"{path}.file")
    elif part.type == "input_audio" and part.input_audio:
        yield _sound(part.input_audio.data, part.input_audio.format, f"{path}.input_audio")
    elif part.type == "document" and isinstance(part.source, Raw):
        yield _document(part, f"{path}.source")
    else:
        raise _refused(f"The provider takes no content of the type {part.type[:40]!r}", f"{path}.type")


def _image(url: str, path: str) -> Made:
    if url.startswith(_S3):
        ending = url.rpartition(".")[2].lower().replace("jpg", "jpeg")
        if ending not in _IMAGES.values():
            raise _refused("A picture in S3 must end with .png, .jpeg, .gif or .webp", path)
        return {"image": {"format": ending, "source": _in_s3(url)}}
    if url[:4].lower() == "http":
        raise needs_bytes("The provider fetches nothing: send a data URL, or an address in S3", path)
    media = _data(url, path)
    if media.media_type not in _IMAGES:
        found = media.media_type or "data of an unknown kind"
        raise _refused(f"The provider takes pictures as JPEG, PNG, GIF and WebP, but this is {found}", path)
    return {"image": {"format": _IMAGES[media.media_type], "source": {"bytes": media.data}}}


def _data(url: str, path: str) -> Media:
    media = read_media(url)
    if media is None:
        raise _refused("The provider fetches nothing: send a data URL, or an address in S3", path)
    return media


def _in_s3(url: str) -> Made:
    return {"s3Location": {"uri": url}}


def _file(file: FilePart, path: str) -> Made:
    if not isinstance(file.file_data, str):
        raise _refused("The provider keeps no uploads: send 'file_data'", path)
    named = file.filename if isinstance(file.filename, str) else ""
    name, _, ending = named.rpartition(".")
    ending = ending.lower()
    if file.file_data.startswith(_S3):
        ending = file.file_data.rpartition(".")[2].lower()
        return _titled(name or ending, ending, _in_s3(file.file_data), path)
    media = _data(file.file_data, f"{path}.file_data")
    if media.media_type in _IMAGES:
        return _image(file.file_data, f"{path}.file_data")
    if media.media_type in _VIDEOS:
        return {"video": {"format": _VIDEOS[media.media_type], "source": {"bytes": media.data}}}
    found = _DOCUMENTS.get(media.media_type) or (ending if ending in _ENDINGS else "")
    if not found and decode_text(media) is not None:
        found = "txt"
    return _titled(name or named, found, {"bytes": media.data}, path)


def _titled(name: str, ending: str, source: Made, path: str) -> Made:
    if ending not in _ENDINGS:
        raise _refused(f"The provider takes files as {', '.join(sorted(_ENDINGS))}", path)
    return {"document": {"format": ending, "name": document_name(name), "source": source}}


def document_name(name: str) -> str:
    """The name of a document in the characters that Converse takes, at most 200 of them."""
    plain = _BLANKS.sub(" ", _NOT_IN_NAMES.sub(" ", name)).strip()
    return plain[:_MAX_NAME_CHARS].strip() or _NAME


def _sound(data: str, kind: str, path: str) -> Made:
    if kind not in _SOUNDS:
        raise _refused(f"The provider takes no sound as {kind[:20]!r}", f"{path}.format")
    return {"audio": {"format": kind, "source": {"bytes": data}}}


class _Source(msgspec.Struct):
    type: str = ""
    media_type: str = ""
    data: str = ""
    content: str | list[dict[str, object]] = ""


class _Enabled(msgspec.Struct):
    enabled: bool = False


def _document(part: Part, path: str) -> Made:
    """A document as Anthropic writes it."""
    assert isinstance(part.source, Raw)
    source = msgspec.json.decode(part.source, type=_Source)
    made: Made = {"name": document_name(_text(part.title))}
    if source.type == "base64" and source.media_type in _DOCUMENTS:
        made = {"format": _DOCUMENTS[source.media_type], **made, "source": {"bytes": source.data}}
    elif source.type == "text":
        made = {"format": "txt", **made, "source": {"text": source.data}}
    elif source.type == "content" and (texts := _texts(source.content)):
        made["source"] = {"content": [{"text": text} for text in texts]}
    else:
        raise _refused(f"The provider takes no documents of the kind {source.type[:20]!r}", path)
    if context := _text(part.context):
        made["context"] = context
    if isinstance(part.citations, Raw) and bytes(part.citations) != b"null":
        made["citations"] = {"enabled": msgspec.json.decode(part.citations, type=_Enabled).enabled}
    return {"document": made}


def _texts(content: str | list[dict[str, object]]) -> list[str]:
    """The texts of a content; none if it holds anything else."""
    if isinstance(content, str):
        return [content]
    texts = [block.get("text") for block in content if block.get("type") == "text"]
    return [str(text) for text in texts] if len(texts) == len(content) else []


def _text(raw: object) -> str:
    found = msgspec.json.decode(raw) if isinstance(raw, Raw) else ""
    return found if isinstance(found, str) else ""


def _refused(why: str, path: str) -> ParamUnsupported:
    return ParamUnsupported(f"{why} ('{path}').", param=path)
