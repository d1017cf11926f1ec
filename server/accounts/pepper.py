"""The pepper under which gateway keys are hashed: kept in the database, sealed by the vault.

Hashes cannot be made anew without the keys, which nobody has, so the pepper must outlive every master key. It is sealed
like a provider key and sealed anew when the master key changes; without a master key the hashes are of no use.
"""

from server.accounts.vault import WRONG_MASTER_KEY, Place, Vault, WrongKeyError
from server.storage.database import Database

NAME = "gateway-key-pepper"
"""The name of the sealed value."""

PLACE = Place("gateway-key-pepper", "", NAME)
"""What the seal is bound to."""


async def kept_pepper(database: Database, vault: Vault, initial: bytes) -> bytes:
    """The pepper that is kept; `initial` is kept where there is none yet. Of two that start at once, both get one.

    Raises WrongKeyError when it was sealed with a master key that this gateway does not have, SealBrokenError when it
    was changed: without it every gateway key would be refused.
    """
    async with database.write() as tx:
        sealed = await tx.sealed.get(NAME)
        if sealed is None:
            await tx.sealed.add(NAME, vault.seal(initial.hex(), PLACE))
            sealed = await tx.sealed.get(NAME)
    try:
        return initial if sealed is None else bytes.fromhex(vault.open(sealed, PLACE))
    except WrongKeyError as error:
        raise WrongKeyError(WRONG_MASTER_KEY) from error
