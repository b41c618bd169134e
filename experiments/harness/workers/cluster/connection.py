"""The connection to a Dask scheduler, and everything that can be wrong with it in one sentence."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any

from experiments.harness.page_code import said
from frameworks.errors import RequestError, printable

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["SECONDS_TO_HEAR", "Lost", "Silent", "answers_of", "ask", "connected", "politely"]

SECONDS_TO_HEAR = 10.0  # of the scheduler, in one attempt
_SECONDS_TO_CONNECT = 10
_SECONDS_TO_LEAVE = 5.0
_SECONDS_TO_ANSWER = 60.0
_INSTALL = "run: make setup, or pip install -c constraints.txt -e '.[dask]'"


class Lost(RequestError):
    """The scheduler has gone."""

    def __init__(self, address: str, how: str = "was lost") -> None:
        super().__init__(
            f"the Dask scheduler at {address} {how}; finished trainings are kept: "
            "start it again, then repeat the command"
        )


class Silent(Lost):
    """The scheduler is there, and does not answer, as one whose machine is frozen."""

    def __init__(self, address: str) -> None:
        super().__init__(address, "does not answer")


@contextmanager
def connected(dask: "str | Client") -> Iterator["Client"]:
    """Connect to the scheduler at an address, or use a client that is connected already.

    RequestError if Dask is not installed, or if no scheduler answers.
    """
    if find_spec("distributed") is None:
        raise RequestError(f"dask: the package distributed is not installed; {_INSTALL}")
    if not isinstance(dask, str):
        yield _usable(dask)
        return
    with _without_log():
        client = _connect(dask)
        try:
            yield client
        finally:
            politely(lambda: client.close(timeout=_SECONDS_TO_LEAVE))


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep Dask from logging: what matters is said in one sentence."""
    import distributed  # noqa: F401 - it gives its loggers levels of their own

    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    levels = {each: each.level for each in named if each.name.startswith("distributed")}
    for logger in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def _connect(address: str) -> "Client":
    from distributed import Client

    try:
        if not address.strip():  # Dask would start a cluster of its own
            raise ValueError("the address is empty")
        kind = _kind_of(address)
        if kind != "Scheduler":
            raise ValueError(f"a {kind.lower()} does")
        return Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False, name="lockstep")
    except Exception as error:  # of whatever kind Dask makes of what answers instead
        raise RequestError(
            f"dask: no scheduler answers at {printable(address)} ({said(error)}); "
            "expected an address such as tcp://host:8786, which `dask scheduler` prints"
        ) from error


def _kind_of(address: str) -> str:
    """Return what answers at an address: "Scheduler" or "Worker". TimeoutError if nothing does.

    A `Client` would wait without end for a server that says nothing, and complain when collected.
    """
    from distributed.core import rpc
    from distributed.security import Security

    answers: list[str | Exception] = []

    async def ask() -> str:
        options = Security().get_connection_args("client")
        async with rpc(address, timeout=_SECONDS_TO_CONNECT, connection_args=options) as server:
            return str((await server.identity())["type"])

    def answer() -> None:
        try:
            answers.append(asyncio.run(asyncio.wait_for(ask(), _SECONDS_TO_CONNECT)))
        except Exception as error:  # noqa: BLE001 - of whatever kind Dask makes of what it reads
            answers.append(error)

    thread = Thread(target=answer, daemon=True)
    thread.start()
    thread.join(_SECONDS_TO_CONNECT + _SECONDS_TO_LEAVE)
    found = answers[0] if answers else TimeoutError()
    if isinstance(found, TimeoutError):
        raise TimeoutError(f"nothing was said in {_SECONDS_TO_CONNECT} s")
    if isinstance(found, Exception):
        raise found
    return found


def _usable(client: Any) -> "Client":
    from distributed import Client

    if not isinstance(client, Client):
        raise RequestError(f"dask: expected an address or a distributed.Client, got {client!r}")
    if client.asynchronous or client.status != "running":
        raise RequestError("dask: expected a connected client that is not asynchronous")
    return client


def ask(client: "Client", question: Callable[..., Any], **arguments: Any) -> Any:
    """Return what the scheduler answers. Raises Silent if it does not, and Lost if it has gone."""
    address = str(getattr(client.scheduler, "address", ""))
    try:
        return client.sync(question, callback_timeout=SECONDS_TO_HEAR, **arguments)
    except TimeoutError as error:
        raise Silent(address) from error
    except OSError as error:
        raise Lost(address) from error


def answers_of(
    client: "Client", workers: Sequence[str], function: Callable[..., Any], *arguments: Any
) -> dict[str, Any]:
    """Have workers call a function; return what it returned or raised on each, by address.

    TimeoutError stands for a worker that does not answer, as one whose machine is frozen: only the
    others are heard, where `Client.run` would wait for it for ever.
    """

    async def ask(worker: str) -> Any:
        options: Any = {"workers": [worker], "on_error": "return", "asynchronous": True}
        asked = client.run(function, *arguments, **options)
        try:
            return (await asyncio.wait_for(asked, _SECONDS_TO_ANSWER))[worker]
        except TimeoutError:
            return TimeoutError(f"it did not answer within {_SECONDS_TO_ANSWER:g} s")

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*map(ask, workers))

    return dict(zip(workers, client.sync(ask_all), strict=True))


def politely(leave: Callable[[], Any]) -> None:
    """Tell a cluster that we are leaving; one that does not answer is left all the same."""

    def tell() -> None:
        with suppress(Exception):
            leave()

    thread = Thread(target=tell, daemon=True)
    thread.start()
    thread.join(_SECONDS_TO_LEAVE)
