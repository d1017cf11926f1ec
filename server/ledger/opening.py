"""Opens the ledger over its spool, and hands it what earlier processes left behind."""

import logging
from pathlib import Path
from typing import Final

from msgspec import Struct

from server.ledger.ledger import BatchLedger, LedgerBounds
from server.ledger.spool.replay import Orphan
from server.ledger.spool.runs import dead_runs
from server.ledger.spool.spool import Spool, SpoolBounds
from server.ledger.spool.sync import SyncPolicy
from server.storage.database import Database

_MIB: Final = 1024 * 1024
_SEGMENT_BYTES: Final = 4 * _MIB
_LEAST_SEGMENTS: Final = 4
_PENDING_BEFORE_A_SPOOL: Final = 20_000

_log = logging.getLogger(__name__)


class LedgerOptions(Struct, frozen=True):
    """Where the spool is, how much it may take, 0 for none, and whether requests must be written down."""

    root: Path
    max_mib: int
    sync: SyncPolicy
    requires_log: bool


def open_ledger(database: Database, price_version: str, options: LedgerOptions) -> BatchLedger:
    """Made in the event loop that it belongs to. Raises OSError when requests must be kept and there is no place to.

    What earlier processes left is written down from now on: `replayed` waits for that.
    """
    spool = _opened(options)
    usual = LedgerBounds()
    max_pending = usual.max_pending if spool is None else _PENDING_BEFORE_A_SPOOL
    bounds = LedgerBounds(max_pending, usual.close_timeout_s, options.requires_log)
    ledger = BatchLedger(database, price_version, spool, bounds)
    found = dead_runs(options.root) if options.root.is_dir() else []
    ledger.replay([Orphan(directory, lock, price_version) for directory, lock in found])
    return ledger


def _opened(options: LedgerOptions) -> Spool | None:
    if not options.max_mib:
        return None
    max_bytes = options.max_mib * _MIB
    bounds = SpoolBounds(min(_SEGMENT_BYTES, max_bytes // _LEAST_SEGMENTS), max_bytes, options.sync)
    try:
        return Spool.open(options.root, bounds)
    except OSError as error:
        if options.requires_log:
            raise
        _log.error("There is no spool, because %s cannot be written: %s", options.root, error.strerror)
        return None
