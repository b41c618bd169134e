"""Many damaged inputs for one reader, none of which may do anything but be read or be refused."""

import random
import signal
from collections import Counter
from contextlib import contextmanager

from .mutations import damaged

HANGS = 60  # seconds; no input takes a hundredth


@contextmanager
def no_hang():
    """Raise where a block takes so long that it hangs."""

    def stop(*_):
        raise AssertionError(f"an input was still being read after {HANGS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz(read, originals, count, error, damage=damaged):
    """Damage originals `count` times and read each; say how many were refused and how many read.

    `error`: what a reader may raise.
    """
    rng, outcomes = random.Random(0), Counter()
    for original in originals:
        read(original)  # whole, it is read
    for i in range(count):
        content = damage(originals[i % len(originals)], rng)
        try:
            with no_hang():
                read(content)
            outcomes["read"] += 1
        except error:
            outcomes["refused"] += 1
        except BaseException as raised:
            raised.add_note(f"input {i}: {str(content)[:3000]}")
            raise
    assert outcomes["refused"], "nothing was refused: has anything been read?"
    return f"{count:,} damaged: {outcomes['refused']:,} refused, {outcomes['read']:,} read"
