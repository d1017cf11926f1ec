"""The prices that a workspace sets for itself: seen by its members, replaced as a whole by its admins."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from server.accounts.roles import Action, enter
from server.accounts.validation import checked_text
from server.errors import RequestInvalid
from server.storage.database import Database
from server.storage.prices import PriceLine, PriceList

MAX_LINES: Final = 1_000
MAX_MODEL_CHARS: Final = 200
MAX_NANOUSD: Final = 10**15
"""A million dollars per million tokens: a dollar for each."""


class NewLine(Struct, frozen=True):
    """A price to be set; nothing is checked yet. None is what the caller left out."""

    provider: str = ""
    model: str = ""
    input_nanousd: int | None = None
    output_nanousd: int | None = None
    cache_read_nanousd: int | None = None
    cache_write_nanousd: int | None = None


class PriceLists:
    """The price lists of workspaces.

    `providers` are the names that there are; `forget` is told of a workspace whose prices have changed.
    """

    def __init__(self, database: Database, providers: Collection[str], forget: Callable[[str], None]) -> None:
        self._database = database
        self._providers = providers
        self._forget = forget

    async def of(self, user_id: str, workspace_id: str) -> PriceList:
        """The workspace's list. Raises ResourceNotFound."""
        async with self._database.read() as tx:
            entered = await enter(tx, user_id, workspace_id, Action.READ)
            return await tx.prices.of(entered.workspace.id)

    async def replace(self, user_id: str, workspace_id: str, lines: Sequence[NewLine]) -> PriceList:
        """Puts these prices in place of all that were there.

        Raises ResourceNotFound, PermissionDenied, RequestInvalid naming the line and the member at fault.
        """
        checked = self._checked(lines)
        async with self._database.write() as tx:
            workspace_id = (await enter(tx, user_id, workspace_id, Action.CHANGE_WORKSPACE)).workspace.id
            before = await tx.prices.of(workspace_id)
            after = replace(
                before, version=before.version + 1, changed_at=datetime.now(UTC), changed_by=user_id, lines=checked
            )
            await tx.prices.replace(workspace_id, after)
        self._forget(workspace_id)
        return after

    def _checked(self, lines: Sequence[NewLine]) -> tuple[PriceLine, ...]:
        if len(lines) > MAX_LINES:
            raise RequestInvalid(f"prices must have at most {MAX_LINES:,} items.", param="prices")
        checked: dict[tuple[str, str], PriceLine] = {}
        for index, line in enumerate(lines):
            whole = self._checked_line(line, f"prices[{index}]")
            names = whole.provider, whole.model
            if names in checked:
                message = f"{whole.provider} has two prices for {whole.model}; leave one out."
                raise RequestInvalid(message, param=f"prices[{index}].model")
            checked[names] = whole
        return tuple(checked[names] for names in sorted(checked))

    def _checked_line(self, line: NewLine, param: str) -> PriceLine:
        if line.provider not in self._providers:
            known = ", ".join(sorted(self._providers))
            raise RequestInvalid(f"{param}.provider must be one of {known}.", param=f"{param}.provider")
        model = checked_text(line.model, f"{param}.model", MAX_MODEL_CHARS)
        if not model:
            raise RequestInvalid(
                f"{param}.model must name a model, or be * for all of the provider.", param=f"{param}.model"
            )
        return PriceLine(
            line.provider,
            model,
            _required(line.input_nanousd, f"{param}.input_per_1m"),
            _required(line.output_nanousd, f"{param}.output_per_1m"),
            _amount(line.cache_read_nanousd, f"{param}.cached_input_per_1m"),
            _amount(line.cache_write_nanousd, f"{param}.cache_write_per_1m"),
        )


def _required(nanousd: int | None, param: str) -> int:
    amount = _amount(nanousd, param)
    if amount is None:
        raise RequestInvalid(f"{param} is required: dollars per million tokens, 0 for free.", param=param)
    return amount


def _amount(nanousd: int | None, param: str) -> int | None:
    if nanousd is not None and not 0 <= nanousd <= MAX_NANOUSD:
        raise RequestInvalid(f"{param} must be 0 to 1,000,000 dollars per million tokens.", param=param)
    return nanousd
