"""A request for a vendor that speaks OpenAI's dialect: members beyond OpenAI's go, or are written in the vendor's way.

A request that the vendor takes as it is costs a look at its members' names and at its messages, and leaves untouched.
"""

from collections.abc import Set
from typing import Final

import msgspec
from msgspec import UNSET, Raw

from server.chat.deployment import Candidate
from server.chat.reasoning import effort_of
from server.chat.request import ChatRequest
from server.chat.view import Thinking
from server.providers.openai.messages import UNMARKED, Members, adapted_messages
from server.providers.openai.vendor import Vendor

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_NOT_TAKEN: Final = "is not sent: the provider does not take it."
_NO_MATTER: Final = (b"null", b"false", b"[]", b"{}", b'""')
_ONE: Final = b"1"
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_LIMIT_ALONE: Final = tuple({name} for name in _LIMITS)
_OF_TOOLS: Final = ("tool_choice", "parallel_tool_calls")


def adapted(vendor: Vendor, request: ChatRequest, candidate: Candidate, is_stream: bool) -> ChatRequest:
    """The request as the vendor takes it, the very same where nothing must change; its notes are the original's."""
    model = candidate.model
    if is_stream is request.is_stream and vendor.takes_usual and _is_taken(vendor, request):
        limited = _limited(vendor, request, model) if vendor.limit else request
        if limited is not None:
            return limited
    messages = adapted_messages(vendor, request)
    found = request.named(vendor.looked_at)
    if messages is None and vendor.takes_stream_options and (not found or _takes_limit(vendor, found)):
        return request if is_stream is request.is_stream else request.with_members(request.members, is_stream=is_stream)
    members = request.members.copy()
    if messages is not None:
        members["messages"] = messages
    if found:
        members = _Members(vendor, request, members).adapted(model)
    if not vendor.takes_stream_options and members.pop("stream_options", None) is not None:
        request.tell("stream_options is not sent: the provider refuses it and reports usage anyway.")
    return request.with_members(members, is_stream=is_stream)


def _is_taken(vendor: Vendor, request: ChatRequest) -> bool:
    """Whether it is seen at once that nothing has to change but for the name of the bound of the answer's length.

    It is seen by the view of a request that has nothing else. Its messages have nothing but a role, none of them a
    tool's, and a text. The vendor is one that takes such requests.
    """
    view = request.view
    if not request.is_plain or request.parsed is not None:
        return False
    if view.max_tokens is not UNSET and view.max_completion_tokens is not UNSET:
        return False
    odd_of = vendor.odd_of  # loaded first: a call of what a member holds is slow otherwise
    if odd_of(view) != vendor.none_odd:
        return False
    if vendor.developer == "developer":
        return True
    for message in view.messages:  # noqa: SIM110 - a generator costs more than all of it
        if message.role == "developer":
            return False
    return True


def _limited(vendor: Vendor, request: ChatRequest, model: str) -> ChatRequest | None:
    """Such a request with its bound under the name that the vendor has for it; None if more has to be done for that."""
    view, wanted = request.view, vendor.limit
    given = "max_tokens" if view.max_completion_tokens is UNSET else "max_completion_tokens"
    if given == wanted or not getattr(view, given) or model.startswith(vendor.old_limit_models):
        return request
    return request.with_renamed(given, wanted)


def _takes_limit(vendor: Vendor, found: Set[str]) -> bool:
    """Whether all that was found is one bound of the answer's length, by a name that the vendor has for it."""
    return found in _LIMIT_ALONE and (not vendor.limit or vendor.limit in found) and not vendor.renames_limit


class _Members:
    """The top level of one request while it is adapted."""

    def __init__(self, vendor: Vendor, request: ChatRequest, members: Members) -> None:
        self._vendor = vendor
        self._request = request
        self._members = members

    def adapted(self, model: str) -> Members:
        """The members for that model."""
        vendor = self._vendor
        for name in vendor.left_out:
            self._leave_out(name)
        for name in ("betas", "top_k"):
            if name not in vendor.takes:
                self._leave_out(name)
        if "cache_control" not in vendor.takes and self._members.pop("cache_control", None) is not None:
            self._request.tell(UNMARKED)
        self._limit(model)
        self._thinking(model)
        self._tools()
        for old, new in vendor.renamed:
            self._rename(old, new)
        return self._members

    def _leave_out(self, name: str) -> None:
        """Takes a member away, and tells so if it said anything."""
        raw = self._members.pop(name, None)
        if raw is not None and bytes(raw) not in _NO_MATTER and (name != "n" or bytes(raw) != _ONE):
            self._request.lose(name, _NOT_TAKEN)

    def _rename(self, old: str, new: str) -> None:
        if old in self._members and new not in self._members:
            self._members = {new if name == old else name: raw for name, raw in self._members.items()}

    def _limit(self, model: str) -> None:
        """One bound of the answer's length, the stricter of two, under the name that the vendor has for it."""
        vendor, view = self._vendor, self._request.view
        given = {name: value for name in _LIMITS if isinstance(value := getattr(view, name), int)}
        wanted = vendor.limit
        if vendor.old_limit_models and model.startswith(vendor.old_limit_models):
            wanted = ""
        if not given or (len(given) == 1 and wanted in ("", *given)):
            return
        strictest = min(given, key=lambda name: given[name])
        value, kept = self._members[strictest], wanted or strictest
        for name in _LIMITS:
            if name != strictest:
                self._members.pop(name, None)
        self._rename(strictest, kept)
        self._members[kept] = value

    def _thinking(self, model: str) -> None:
        """What `thinking` asks for, in the vendor's words. It wins over an effort."""
        thinking = self._request.view.thinking
        form = self._vendor.thinking
        if not isinstance(thinking, Thinking):
            self._members.pop("thinking", None)
            return
        if form == "thinking":
            self._switch(thinking)
            return
        del self._members["thinking"]
        is_off = thinking.type == "disabled"
        budget = thinking.budget_tokens if isinstance(thinking.budget_tokens, int) else None
        if form == "reasoning":
            said: dict[str, object] = {"enabled": not is_off} if is_off or budget is None else {"max_tokens": budget}
            self._members["reasoning"] = Raw(_ENCODER.encode(said))
            self._members.pop("reasoning_effort", None)
        elif form == "reasoning_enabled":
            self._members["reasoning"] = Raw(_ENCODER.encode({"enabled": not is_off}))
            self._no_budget(budget)
        elif form == "enable_thinking":
            self._members["enable_thinking"] = Raw(_ENCODER.encode(not is_off))
            if budget is not None and not is_off:
                self._members["thinking_budget"] = Raw(_ENCODER.encode(budget))
        else:
            self._effort(model, is_off=is_off, budget=budget)

    def _switch(self, thinking: Thinking) -> None:
        """`thinking` for vendors that only turn it on and off."""
        kind = "disabled" if thinking.type == "disabled" else "enabled"
        self._members["thinking"] = Raw(_ENCODER.encode({"type": kind}))
        self._no_budget(thinking.budget_tokens)

    def _no_budget(self, budget: object) -> None:
        if isinstance(budget, int):
            self._request.lose("thinking.budget_tokens", "is not sent: the provider takes no budget for reasoning.")

    def _effort(self, model: str, *, is_off: bool, budget: int | None) -> None:
        """`thinking` as an effort, for models that reason."""
        vendor = self._vendor
        reasons = vendor.thinking == "effort" and not model.startswith(vendor.old_limit_models or ("\0",))
        if is_off:
            word = next((word for start, word in vendor.effort_off if model.startswith(start)), "") if reasons else ""
            if word:
                self._members["reasoning_effort"] = Raw(_ENCODER.encode(word))
            elif reasons:
                self._request.lose("thinking", "is not sent: how this model is told not to reason is not known.")
        elif not reasons:
            self._request.lose("thinking", "is not sent: the provider takes none for this model.")
        elif budget is not None:
            effort = effort_of(budget)
            self._members["reasoning_effort"] = Raw(_ENCODER.encode(effort))
            self._request.tell(f"thinking.budget_tokens is sent as reasoning_effort {effort}: budgets are not taken.")

    def _tools(self) -> None:
        """Leaves out tools of other vendors and marks of the cache."""
        vendor, tools = self._vendor, self._request.view.tools
        if not isinstance(tools, list):
            return
        foreign = [tool.type for tool in tools if not tool.type.startswith(vendor.tools)]
        marked = "cache_control" not in vendor.takes and any(tool.cache_control is not UNSET for tool in tools)
        if not (foreign or marked):
            return
        kept = []
        for tool, raw in zip(tools, self._request.raw_tools(), strict=True):
            if tool.type in foreign:
                self._request.lose(
                    f"The tool of type '{tool.type[:40]}'", "is not sent: the provider does not have it."
                )
            elif marked and tool.cache_control is not UNSET:
                kept.append(self._unmarked(raw))
            else:
                kept.append(raw)
        if kept:
            self._members["tools"] = Raw(_ENCODER.encode(kept))
            return
        for name in ("tools", *_OF_TOOLS):
            self._members.pop(name, None)

    def _unmarked(self, raw: Raw) -> Raw:
        members = _MEMBERS.decode(raw)
        del members["cache_control"]
        self._request.tell(UNMARKED)
        return Raw(_ENCODER.encode(members))
