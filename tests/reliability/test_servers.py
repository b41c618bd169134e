"""Whatever a server does, a download takes no more time and memory than it may."""

import logging
import threading
import time
import tracemalloc
from urllib.parse import quote

from datasets import DataError
from datasets.download import QUICK, Limits, receive

from .hostile_server import MISBEHAVIOURS, serving

MAX_BYTES = 10**6
SHORT = Limits(answer=1.0, silence=0.5, total=2.0)
PROMISED = 300  # seconds, in docs/reliability.md
MEMORY = 200 * 2**20  # bytes, for all of them together
HARMLESS = {  # what comes of it is refused by its digest
    *("redirects with an endless body", "redirects with a bombed body"),
    *("redirects with endless chunks", "redirects with a body that never comes"),
    *("a length of 10,000 digits", "a bomb in a bomb", "redirects to 60,000 characters"),
    "headers cut off",
}


def fetch_all(url: str, limits: Limits) -> dict[str, tuple[str, float]]:
    """Ask for all at once; return what each came to, and the seconds that it took."""
    outcomes: dict[str, tuple[str, float]] = {}

    def fetch(name: str) -> None:
        start = time.monotonic()
        try:
            said = f"{len(receive(f'{url}/{quote(name)}', MAX_BYTES, limits))} bytes"
        except DataError as error:
            said = f"error: {error}"
        outcomes[name] = said, time.monotonic() - start

    threads = [threading.Thread(target=fetch, args=(name,)) for name in MISBEHAVIOURS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_no_server_takes_more_memory_or_time_than_it_may(torture, figure):
    limits = QUICK if torture else SHORT
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    before = set(threading.enumerate())
    tracemalloc.start()
    with serving() as url:
        outcomes = fetch_all(url, limits)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        ours = [thread for thread in threading.enumerate() if thread not in before]
        for thread in ours:  # those of the transfers end as their connections do
            thread.join(0 if "_accept" in thread.name else 10)
        left = [thread.name for thread in ours if thread.is_alive() and "transfer" in thread.name]
    assert outcomes.keys() == MISBEHAVIOURS.keys()
    refused = {name for name, (said, _) in outcomes.items() if said.startswith("error: ")}
    assert MISBEHAVIOURS.keys() - refused <= HARMLESS, outcomes
    assert all(len(said) < 500 and said.isprintable() for said, _ in outcomes.values()), outcomes
    assert left == []
    assert most < MEMORY
    slowest = max(seconds for _, seconds in outcomes.values())
    assert slowest < (PROMISED if torture else limits.total + 30)  # without limits, it never ends
    figure(
        f"{len(outcomes)} misbehaviours at once, {len(refused)} refused with a sentence: "
        f"{most / 2**20:.0f} MiB in all, the longest {slowest:.1f} s, given up after "
        f"{limits.total:g} s"
    )
