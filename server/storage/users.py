"""Users: who may sign in."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.principal import Plan
from server.errors import AlreadyExists
from server.storage.tables import USERS


@dataclass(frozen=True, slots=True)
class User:
    """A user as kept. Tokens issued before `tokens_valid_after` are void."""

    id: str
    email: str
    password_hash: str = field(repr=False)
    name: str
    plan: Plan
    is_disabled: bool
    tokens_valid_after: datetime
    created_at: datetime


_COLUMNS = [column for column in USERS.columns if column.name != "email_key"]


class Users:
    """The users of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        """Adds a user. Raises AlreadyExists when the e-mail is taken, compared without regard to case."""
        values = {column.name: getattr(user, column.name) for column in _COLUMNS}
        values |= {"plan": user.plan.value, "email_key": _email_key(user.email)}
        try:
            await self._connection.execute(insert(USERS).values(values))
        except IntegrityError as error:
            raise AlreadyExists("A user with this e-mail exists already; log in instead.", param="email") from error

    async def get(self, user_id: str) -> User | None:
        """The user of that id."""
        return await self._one(select(*_COLUMNS).where(USERS.c.id == user_id))

    async def by_email(self, email: str) -> User | None:
        """The user of that e-mail, compared without regard to case."""
        return await self._one(select(*_COLUMNS).where(USERS.c.email_key == _email_key(email)))

    async def exist(self) -> bool:
        """Whether there is any user."""
        return (await self._connection.execute(select(USERS.c.id).limit(1))).first() is not None

    async def count(self) -> int:
        """How many users there are."""
        return (await self._connection.execute(select(func.count()).select_from(USERS))).scalar_one()

    async def set_password_hash(self, user_id: str, old_hash: str, password_hash: str) -> None:
        """Replaces the hash of the same password by a stronger one: tokens stay valid. Nothing if it has changed."""
        condition = (USERS.c.id == user_id) & (USERS.c.password_hash == old_hash)
        await self._connection.execute(update(USERS).where(condition).values(password_hash=password_hash))

    async def change_password(self, user_id: str, password_hash: str, moment: datetime) -> None:
        """Sets the hash of another password and voids every token of the user that was issued before that moment."""
        await self._update(user_id, password_hash=password_hash, tokens_valid_after=moment)

    async def all(self, after_id: str, limit: int) -> tuple[User, ...]:
        """The next users by id, which is by age, at most `limit`; all from the first after an empty id."""
        query = select(*_COLUMNS).where(USERS.c.id > after_id).order_by(USERS.c.id).limit(limit)
        return tuple(_user(row) for row in await self._connection.execute(query))

    async def remove(self, user_id: str) -> None:
        """Removes a user with the workspaces that it founded, its memberships and its keys."""
        await self._connection.execute(delete(USERS).where(USERS.c.id == user_id))

    async def set_plan(self, user_id: str, plan: Plan) -> None:
        """Moves the user to another plan."""
        await self._update(user_id, plan=plan.value)

    async def set_disabled(self, user_id: str, *, is_disabled: bool) -> None:
        """Shuts the user out, or lets it in again."""
        await self._update(user_id, is_disabled=is_disabled)

    async def revoke_tokens(self, user_id: str, issued_before: datetime) -> None:
        """Voids every token of the user that was issued before that moment."""
        await self._update(user_id, tokens_valid_after=issued_before)

    async def _update(self, user_id: str, **values: Any) -> None:
        await self._connection.execute(update(USERS).where(USERS.c.id == user_id).values(values))

    async def _one(self, query: Any) -> User | None:
        row = (await self._connection.execute(query)).first()
        return None if row is None else _user(row)


def _user(row: Row[Any]) -> User:
    values = dict(row._mapping)
    return User(**values | {"plan": Plan(values["plan"])})


def _email_key(email: str) -> str:
    return email.lower()
