"""What `--demo` makes: a user on the enterprise plan, a workspace with the built-in provider, and a key that is known.

Only for trying things out on one's own machine: the composition root refuses it on any other address.
"""

import secrets
from typing import Final

from server.accounts.people import NewUser
from server.accounts.providers import NewProvider
from server.chat.principal import Plan
from server.providers.registry import PROVIDERS
from server.stores import Stores

EMAIL: Final = "demo@perpetuo.dev"
KEY: Final = "pk_demo"


async def make_demo(stores: Stores) -> str:
    """Makes what is missing, and answers the demo key. The password is random: nobody logs in as this user."""
    accounts = stores.accounts
    user = await accounts.find_user(EMAIL)
    if user is None:
        made = await accounts.create_user(NewUser(EMAIL, secrets.token_urlsafe(32), "Demo", Plan.ENTERPRISE))
        user = made.user
    workspace = await accounts.default_workspace(user.id)
    await accounts.install_demo_key(workspace.id, user.id, KEY)
    present = {entry.provider for entry in await stores.entries.of_workspace(workspace.id)}
    for row in PROVIDERS.values():
        if row.is_builtin and row.name not in present:
            await stores.entries.add(workspace.id, NewProvider(row.name))
    return KEY
