"""What the pipeline is made of. The composition root fills it in."""

from msgspec import Struct, field

from server.chat.calibration import Calibration
from server.ledger.contents import ContentKeeper, NoContent
from server.ledger.ledger import Ledger
from server.limits.admission import Admission
from server.limits.refusals import Refusals
from server.routing.attempt import Clock, Price, PricesOf, Watch
from server.routing.dispatch import Dispatcher
from server.routing.dispatch.line import Line
from server.routing.router import Router
from server.semantic import Semantic
from server.sharing import Sharing
from server.telemetry.requests import RequestMetrics
from server.telemetry.tracing import Tracing
from server.under_way import UnderWay


class Parts(Struct, frozen=True):
    """What the pipeline is made of. `price` holds in workspaces where `prices_of`, if there is one, knows no other.

    `watch` is told of every upstream call that begins, `line` is where requests wait that no upstream has room for.
    `tracing` takes requests that are settled, `semantic` finds answers to requests that are like the one that asks.
    """

    router: Router
    sharing: Sharing
    dispatcher: Dispatcher
    ledger: Ledger
    clock: Clock
    price: Price
    admission: Admission
    prices_of: PricesOf | None = None
    refusals: Refusals = field(default_factory=Refusals)
    metrics: RequestMetrics = field(default_factory=RequestMetrics)
    contents: ContentKeeper = field(default_factory=NoContent)
    calibration: Calibration = field(default_factory=Calibration)
    under_way: UnderWay = field(default_factory=UnderWay)
    watch: Watch | None = None
    line: Line | None = None
    tracing: Tracing | None = None
    semantic: Semantic | None = None
