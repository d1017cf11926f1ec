"""`perpetuo users`: the users of a gateway, for its operator.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 not allowed, 4 no such user, 5 there is one already, 6 the gateway or
its database cannot be reached, 7 its settings or secrets are wrong.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

app = typer.Typer(name="users", help="Make, list and change users, whether the gateway serves or not.")

_CODES = {"NOT_FOUND": 4, "ALREADY_EXISTS": 5, "INVALID_ARGUMENT": 2, "PERMISSION_DENIED": 3, "UNAVAILABLE": 6}
_PASSWORD_BYTES = 18

Stub = Any
PlanName = Literal["free", "pro", "enterprise"]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="The gateway's data directory.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Email = Annotated[str, typer.Argument(help="E-mail address of the user.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the password, - for standard input. Default: a new one.")
]


@app.command()
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="Name of the user.")] = "",
    plan: Annotated[PlanName | None, typer.Option(help="Default: the gateway's.")] = None,
    password_file: PasswordFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a user with a workspace and a gateway key. Key and new password are shown once."""
    from perpetuo.admin.v1 import admin_pb2

    password, is_new = _password(password_file)
    request = admin_pb2.CreateUserRequest(email=email, password=password, name=name, plan=_plan(plan))
    made = _call(data_dir, lambda stub: stub.CreateUser(request), makes_data=True)
    shown = {**_account(made.account), "workspace_id": made.workspace_id, "api_key": made.api_key}
    _print({**shown, "password": password} if is_new else shown, as_json)


@app.command("list")
def list_users(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the users, oldest first."""
    from perpetuo.admin.v1 import admin_pb2

    async def pages(stub: Stub) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after_id = found[-1]["id"] if found else ""
            page = await stub.ListUsers(admin_pb2.ListUsersRequest(after_id=after_id))
            if not page.accounts:
                return found
            found += [_account(account) for account in page.accounts]

    accounts = _call(data_dir, pages)
    if as_json:
        print(json.dumps({"users": accounts}))
        return
    for account in accounts:
        state = "disabled" if account["is_disabled"] else "active"
        print(f"{account['id']}  {account['plan']:<10}  {state:<8}  {account['created_at']}  {account['email']}")


@app.command("set-plan")
def set_plan(
    email: Email,
    plan: Annotated[PlanName, typer.Argument(help="The plan from now on.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Move a user to another plan, at once."""
    from perpetuo.admin.v1 import admin_pb2

    request = admin_pb2.SetPlanRequest(email=email, plan=_plan(plan))
    _print(_account(_call(data_dir, lambda stub: stub.SetPlan(request)).account), as_json)


@app.command()
def disable(email: Email, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Shut a user out, at once: tokens and keys open nothing any more."""
    _set_disabled(email, True, data_dir, as_json)


@app.command()
def enable(email: Email, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a user in again who was shut out; tokens from before stay void."""
    _set_disabled(email, False, data_dir, as_json)


@app.command("set-password")
def set_password(
    email: Email, password_file: PasswordFile = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Set another password, and revoke every token of the user. A new password is shown once."""
    from perpetuo.admin.v1 import admin_pb2

    password, is_new = _password(password_file)
    request = admin_pb2.SetPasswordRequest(email=email, password=password)
    shown = _account(_call(data_dir, lambda stub: stub.SetPassword(request)).account)
    _print({**shown, "password": password} if is_new else shown, as_json)


def _set_disabled(email: str, is_disabled: bool, data_dir: Path | None, as_json: bool) -> None:
    from perpetuo.admin.v1 import admin_pb2

    request = admin_pb2.SetDisabledRequest(email=email, is_disabled=is_disabled)
    _print(_account(_call(data_dir, lambda stub: stub.SetDisabled(request)).account), as_json)


def _plan(name: str | None) -> Any:
    from perpetuo.v1 import auth_pb2

    return auth_pb2.Plan.Value(f"PLAN_{(name or 'unspecified').upper()}")


def _account(account: Any) -> dict[str, Any]:
    from perpetuo.v1 import auth_pb2

    user = account.user
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "plan": auth_pb2.Plan.Name(user.plan).removeprefix("PLAN_").lower(),
        "is_disabled": account.is_disabled,
        "created_at": user.created_at.ToJsonString(),
    }


def _password(path: Path | None) -> tuple[str, bool]:
    """The password, and whether it is a new one that nobody knows yet."""
    if path is None:
        return secrets.token_urlsafe(_PASSWORD_BYTES), True
    try:
        text = sys.stdin.readline() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _fail(2, f"The password file {path} cannot be read: {error}.")
    return (text.splitlines() or [""])[0], False


def _print(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(shown))
        return
    for name, value in shown.items():
        print(f"{name}: {str(value).lower() if isinstance(value, bool) else value}")


def _call(data_dir: Path | None, do: Callable[[Stub], Awaitable[Any]], *, makes_data: bool = False) -> Any:
    """What the operator's service answers. Prints why not and exits, where it does not."""
    import grpc

    from cli.operator import NoDataError
    from options.options import OptionsError
    from server.accounts.secrets import SecretsInvalidError
    from server.accounts.vault import SealBrokenError
    from server.errors import StoreUnavailable
    from server.settings import ServerSettings
    from server.telemetry.logs import configure, log_format

    try:
        settings = ServerSettings.from_environment(**({} if data_dir is None else {"data_dir": data_dir}))
        configure(log_format(settings.log_format), "error")
        return asyncio.run(_ask(settings, do, makes_data))
    except grpc.aio.AioRpcError as error:
        _fail(_CODES.get(error.code().name, 1), error.details() or error.code().name)
    except NoDataError as error:
        _fail(6, str(error))
    except StoreUnavailable as error:
        _fail(6, error.message)
    except (OptionsError, ValueError, SecretsInvalidError, SealBrokenError) as error:
        _fail(7, str(error))
    except OSError as error:
        _fail(6, f"The gateway cannot be reached: {error}.")


async def _ask(settings: Any, do: Callable[[Stub], Awaitable[Any]], makes_data: bool) -> Any:
    from perpetuo.admin.v1 import admin_pb2_grpc

    from cli.operator import operator_channel

    async with operator_channel(settings, makes_data=makes_data) as channel:
        return await do(admin_pb2_grpc.AdminServiceStub(channel))


def _fail(code: int, message: str) -> NoReturn:
    print(f"perpetuo users: {message}", file=sys.stderr)
    raise typer.Exit(code)
