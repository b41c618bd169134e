"""What enters the cache, and what never does."""

import gzip
import os
import time
from dataclasses import replace

import pytest

from datasets import DataError
from datasets.cache import ensure_cached, forget_failures
from datasets.churn import CHURN
from datasets.churn_stand_in import invent_customers
from datasets.idx import encode_idx, parse_idx
from datasets.recipe import Content, Mirror, Pinned, Recipe

IMAGES = "mnist/train-images-idx3-ubyte"


@pytest.fixture
def mirror(server, tiny):
    server.replies.update(tiny.served())
    return server


def test_a_download_is_verified_unpacked_and_kept(mirror, tiny, cached, tmp_path):
    result = ensure_cached(tiny.recipe)
    assert result.how == f"downloaded from {mirror.url} to {tmp_path / 'cache'}"
    assert cached() == sorted(tiny.contents)
    for path, content in tiny.contents.items():
        assert (result.folder / path).read_bytes() == content


def test_a_mirrors_password_is_shown_nowhere(mirror, tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("LOCKSTEP_MIRROR", mirror.url.replace("://", "://me:secret@"))
    assert ensure_cached(tiny.recipe).how.startswith(f"downloaded from {mirror.url} to ")
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "another"))
    for refused in (
        "http://me:secret@[::1",
        "http://me:secret@127.0.0.1:1",
    ):
        monkeypatch.setenv("LOCKSTEP_MIRROR", refused)
        with pytest.raises(DataError) as error:
            ensure_cached(tiny.recipe)
        assert "secret" not in str(error.value)


def test_a_cache_that_cannot_be_written_to_is_named_without_a_number(mirror, tiny, monkeypatch):
    def fails(path, *_, **__):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("pooch.core.make_local_storage", fails)
    with pytest.raises(DataError) as error:
        ensure_cached(tiny.recipe)
    assert "cache: cannot be written (Read-only file system)" in str(error.value)
    assert "Errno" not in str(error.value)


def test_what_is_cached_is_not_asked_for_again(mirror, tiny):
    ensure_cached(tiny.recipe)
    mirror.asked.clear()
    assert ensure_cached(tiny.recipe).how.startswith("in the cache ")
    assert mirror.asked == []


def test_a_cached_file_that_changed_is_fetched_anew_and_said_so(mirror, tiny):
    folder = ensure_cached(tiny.recipe).folder
    mirror.asked.clear()
    (folder / IMAGES).write_bytes(b"other")
    assert f"again: the cached {IMAGES} had changed" in ensure_cached(tiny.recipe).how
    assert mirror.asked == [f"/{IMAGES}.gz"]
    assert (folder / IMAGES).read_bytes() == tiny.contents[IMAGES]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_a_pipe_in_the_place_of_a_cached_file_is_not_waited_for(mirror, tiny, tmp_path):
    place = tmp_path / "cache" / IMAGES
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    with pytest.raises(DataError, match="is no regular file; remove it"):
        ensure_cached(tiny.recipe)
    assert place.is_fifo()


def test_a_cached_file_larger_than_any_of_data_is_not_read(mirror, tiny):
    place = ensure_cached(tiny.recipe).folder / IMAGES
    os.truncate(place, 100 * 2**30)  # a sparse one, which takes minutes to read
    with pytest.raises(DataError, match="more than 67,108,864 bytes; remove it"):
        ensure_cached(tiny.recipe)


def test_what_a_killed_download_has_left_is_removed_by_the_next(mirror, tiny, cached, tmp_path):
    folder = (tmp_path / "cache" / IMAGES).parent
    folder.mkdir(parents=True)
    for name, seconds in {"tmp0kv878gi": 1_000, "tmpabcdefgh": 0}.items():
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - seconds,) * 2)
    ensure_cached(tiny.recipe)
    left = [path for path in cached() if "tmp" in path]
    assert left == ["mnist/tmpabcdefgh"]  # another command may be at work


def test_a_cached_file_that_changed_is_not_used_when_it_cannot_be_replaced(mirror, tiny):
    folder = ensure_cached(tiny.recipe).folder
    (folder / IMAGES).write_bytes(b"other")
    mirror.replies.clear()
    with pytest.raises(DataError, match="has changed and is not used(.|\n)*404"):
        ensure_cached(tiny.recipe)


def edited(content: bytes) -> bytes:
    array = parse_idx(content).copy()
    array[0] ^= 1
    return gzip.compress(encode_idx(array))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (edited, "SHA256 hash of downloaded file .* expected sha256:{sha} but got [0-9a-f]{{64}}"),
        (lambda content: b"<html>sign in</html>", "expected sha256:{sha} but got"),
        (lambda content: gzip.compress(content)[:-30], "cut short(.|\n)*Expected SHA-256 {sha}"),
        (lambda content: content + b"!", "expected sha256:{sha} but got"),
    ],
)
def test_wrong_content_never_reaches_the_cache(mirror, tiny, cached, spoil, message):
    mirror.replies[f"/{IMAGES}.gz"] = spoil(tiny.contents[IMAGES])
    with pytest.raises(DataError, match=message.format(sha=tiny.recipe.files[0].sha256)) as error:
        ensure_cached(tiny.recipe)
    assert f"{mirror.url}/{IMAGES}.gz: " in str(error.value)
    assert "Deleted download" in str(error.value) or "was discarded" in str(error.value)
    assert cached() == []


def truncated(handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b" + bytes(100))


def reset(handler) -> None:
    handler.connection.close()


@pytest.mark.parametrize("reply", [truncated, reset, None], ids=["truncated", "reset", "404"])
def test_a_failed_transfer_leaves_nothing_in_the_cache(mirror, tiny, cached, reply):
    mirror.replies[f"/{IMAGES}.gz"] = reply
    with pytest.raises(DataError, match=f"{mirror.url}/{IMAGES}.gz: the (transfer|server)"):
        ensure_cached(tiny.recipe)
    assert cached() == []


def test_a_hanging_server_leaves_nothing_in_the_cache(mirror, tiny, cached):
    mirror.replies[f"/{IMAGES}.gz"] = lambda handler: mirror.closing.wait(5)
    with pytest.raises(DataError, match="no answer within 2 s|timed out"):
        ensure_cached(tiny.recipe)
    assert cached() == []


def test_mirrors_are_tried_in_order_until_one_has_everything(mirror, tiny, monkeypatch):
    monkeypatch.delenv("LOCKSTEP_MIRROR")
    second = replace(tiny.recipe, mirrors=(Mirror(f"{mirror.url}/gone"), Mirror(mirror.url)))
    assert f"downloaded from {mirror.url} to" in ensure_cached(second).how
    assert mirror.asked[0] == f"/gone/{IMAGES}.gz"


def test_a_failed_mirror_is_not_asked_again_in_this_process(mirror, tiny):
    mirror.replies.clear()
    messages = []
    for _ in range(3):
        with pytest.raises(DataError) as error:
            ensure_cached(tiny.recipe)
        messages.append(str(error.value))
    assert len(mirror.asked) == 1
    assert len(set(messages)) == 1


def test_a_patient_caller_asks_a_failed_mirror_again(mirror, tiny):
    replies = dict(mirror.replies)
    mirror.replies.clear()
    with pytest.raises(DataError, match="404"):
        ensure_cached(tiny.recipe)
    mirror.replies.update(replies)
    assert ensure_cached(tiny.recipe, patient=True).how.startswith("downloaded")


def test_forgetting_failures_asks_a_failed_mirror_again(mirror, tiny):
    mirror.replies.clear()
    with pytest.raises(DataError, match="404"):
        ensure_cached(tiny.recipe)
    forget_failures()
    mirror.replies.update(tiny.served())
    assert ensure_cached(tiny.recipe).how.startswith("downloaded")


UNIX = invent_customers()
DOS = UNIX.replace(b"\n", b"\r\n")
CSV = "churn/Churn_Modelling.csv"


@pytest.fixture
def pinned(server, monkeypatch) -> Recipe:
    """Churn, canonical as the stand-in is, from a mirror that pins the file with CRLF."""
    monkeypatch.delenv("LOCKSTEP_MIRROR")
    there = Pinned(path="Customers.csv", sha256=Content(DOS).sha256)
    file = replace(CHURN.files[0], sha256=Content(UNIX).sha256, size=len(UNIX))
    mirror = Mirror(f"{server.url}/commit", pinned={CSV: there})
    return replace(CHURN, files=(file,), mirrors=(mirror,))


def test_a_pinned_file_is_verified_as_served_and_kept_with_unix_line_ends(server, pinned, cached):
    server.replies["/commit/Customers.csv"] = DOS
    found = ensure_cached(pinned)
    assert found.how == f"downloaded from {server.url}/commit to {found.folder}"
    assert server.asked == ["/commit/Customers.csv"]
    assert cached() == [CSV]
    assert (found.folder / CSV).read_bytes() == UNIX


def test_other_bytes_than_the_pinned_ones_are_refused_whatever_they_hold(server, pinned, cached):
    server.replies["/commit/Customers.csv"] = UNIX  # canonical, but not what is pinned
    wanted, received = (Content(text).sha256 for text in (DOS, UNIX))
    with pytest.raises(
        DataError, match=f"a file of SHA-256 {wanted}, received {received}"
    ) as error:
        ensure_cached(pinned)
    assert f"{server.url}/commit/Customers.csv: not usable: " in str(error.value)
    assert "The download was discarded." in str(error.value)
    assert cached() == []


def test_a_pinned_file_must_also_be_canonical_once_unwrapped(server, pinned, cached):
    server.replies["/commit/Customers.csv"] = DOS
    other = "0" * 64
    with pytest.raises(DataError, match=f"expected sha256:{other} but got"):
        ensure_cached(replace(pinned, files=(replace(pinned.files[0], sha256=other),)))
    assert cached() == []


def test_a_mirror_of_ones_own_serves_the_layout_of_a_data_folder(server, pinned, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_MIRROR", f"{server.url}/own")
    server.replies[f"/own/{CSV}"] = UNIX
    assert f"downloaded from {server.url}/own to" in ensure_cached(pinned).how
    assert server.asked == [f"/own/{CSV}"]


def test_without_any_mirror_the_error_says_so(tiny):
    with pytest.raises(DataError, match="no public mirror of mnist is known"):
        ensure_cached(tiny.recipe)


def test_a_cache_that_is_a_file_is_an_error(mirror, tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="exists|directory"):
        ensure_cached(tiny.recipe)
