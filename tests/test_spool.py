import multiprocessing
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import portalocker
import pytest

from denoise import spool as module
from denoise.spool import FolderFullError, check_room, make_folder, release, remove_spool, reserve, spool


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty place for temporary files, in which no server has been yet."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    module._opened.cache_clear()
    yield tmp_path
    remove_spool()
    module._opened.cache_clear()


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def serve(place, barrier, answers):
    """Be a server: make a folder when all others do, and say whether it is still there when all others have, too."""
    os.environ["TMPDIR"] = str(place)
    module._opened.cache_clear()
    barrier.wait(120)
    (make_folder() / "photo.in").touch()
    barrier.wait(120)
    answers.put((os.getpid(), str(spool()), tree(spool())))
    signal.pause()


@pytest.fixture
def servers(place):
    """Start so many servers together, and give what each says; a test may end them by `os.kill`."""
    context = multiprocessing.get_context("spawn")
    processes = []

    def start(count):
        barrier, answers = context.Barrier(count), context.Queue()
        for _ in range(count):
            processes.append(context.Process(target=serve, args=(place, barrier, answers)))
            processes[-1].start()
        return [answers.get(timeout=180) for _ in range(count)]

    yield start
    for process in processes:
        process.kill()
        process.join()


def forget(folder):
    """Leave a folder as a killed process would: with its marker, but nobody's lock."""
    (folder / module._MARKER).write_bytes(module._MAGIC)


UNUSED = f"denoise-spool-{'0' * 32}"


@pytest.mark.parametrize("name", ["denoise-holiday", "denoise-spool-holiday", "denoise", f"my-{UNUSED}", f"{UNUSED}-2"])
@pytest.mark.parametrize("has_marker", [False, True])
def test_folder_of_the_users_survives(place, name, has_marker):
    (place / name / "2024").mkdir(parents=True)
    (place / name / "2024" / "beach.jpg").write_bytes(b"photo")
    if has_marker:
        forget(place / name)
    before = tree(place / name)
    spool()
    assert tree(place / name) == before


@pytest.mark.parametrize("content", [None, b"", module._MAGIC[:-1], module._MAGIC + b"\n", b"notes"])
def test_folder_with_a_foreign_marker_or_none_survives(place, content):
    (place / UNUSED).mkdir()
    (place / UNUSED / "beach.jpg").write_bytes(b"photo")
    if content is not None:
        (place / UNUSED / module._MARKER).write_bytes(content)
    spool()
    assert (place / UNUSED / "beach.jpg").exists()


def test_nothing_is_followed_out_of_the_place(place, tmp_path_factory):
    """Neither a folder that is a link, nor a marker that is one, nor links inside of a dead one."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "beach.jpg").write_bytes(b"photo")
    forget(outside)
    (place / UNUSED).symlink_to(outside)
    other = place / UNUSED.replace("0", "1")
    other.mkdir()
    (other / module._MARKER).symlink_to(outside / module._MARKER)
    dead = place / UNUSED.replace("0", "2")
    (dead / "batch").mkdir(parents=True)
    forget(dead)
    (dead / "link").symlink_to(outside)
    (dead / "batch" / "link").symlink_to(outside)
    spool()
    assert not dead.exists()
    assert other.exists()
    assert tree(outside) == ["beach.jpg", module._MARKER]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners")
def test_folder_of_another_user_survives(place, monkeypatch):
    (place / UNUSED).mkdir()
    forget(place / UNUSED)
    uid = os.getuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: uid + 1)
        spool()
    assert (place / UNUSED).exists()


def test_folder_of_a_killed_server_is_removed_and_of_a_living_one_is_not(servers, place):
    (dead, left, _), (_, living, files) = servers(2)
    os.kill(dead, signal.SIGKILL)
    with module.Path(left, module._MARKER).open("rb+") as marker:
        portalocker.lock(marker, portalocker.LockFlags.EXCLUSIVE)  # waits until the system has ended it
    own = spool()
    assert set(place.iterdir()) == {own, module.Path(living)}
    assert tree(module.Path(living)) == files


def test_servers_that_start_together_leave_each_other_alone(servers, place):
    for number in range(20):  # gives each something to remove meanwhile
        folder = place / f"denoise-spool-{number:032x}"
        folder.mkdir()
        (folder / "photo.in").touch()
        forget(folder)
    found = servers(4)
    assert {path.name for path in place.iterdir()} == {module.Path(name).name for _, name, _ in found}
    for _, name, files in found:
        assert tree(module.Path(name)) == files
        assert len(files) == 3


def test_nothing_is_left_at_the_end_and_what_was_tidied_away_is_made_again(place):
    folder = make_folder()
    (folder / "photo.in").touch()
    remove_spool()
    assert tree(place) == []
    again = make_folder()
    assert again.parent == spool()
    assert again.is_dir()


def test_what_was_tidied_away_is_made_again_once_by_the_same_name_and_stays_ours(place):
    before = spool()
    with (before / module._MARKER).open("rb+") as marker:  # another server reads it just then
        shutil.rmtree(before)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda step: (check_room, lambda _: make_folder())[step % 2](1), range(40)))
        assert spool() == before
        assert list(place.iterdir()) == [before]
        assert len(tree(before)) == 1 + 20
        with pytest.raises(portalocker.LockException):
            portalocker.lock(marker, module._AT_ONCE)
    with pytest.raises(portalocker.LockException):
        module._remove_if_dead(before)
    assert (before / module._MARKER).exists()


def test_nothing_is_put_where_a_link_has_taken_the_place(place):
    before = spool()
    shutil.rmtree(before)
    (place / "foreign").mkdir()
    before.symlink_to(place / "foreign")
    with pytest.raises(FileExistsError):
        make_folder()
    assert tree(place / "foreign") == []
    before.unlink()
    assert make_folder().parent == before


def test_without_locks_nothing_is_removed_and_photos_are_kept_all_the_same(place, monkeypatch):
    def refuse(*_):
        raise portalocker.LockException

    (place / UNUSED).mkdir()
    forget(place / UNUSED)
    monkeypatch.setattr(portalocker, "lock", refuse)
    assert make_folder().is_dir()
    assert (place / UNUSED).exists()
    assert (spool() / module._MARKER).read_bytes() == b""


def test_room_ends_with_the_budget_and_with_the_disk(place, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 5000)
    (make_folder() / "photo.in").write_bytes(bytes(3000))
    (make_folder() / "photo.in").write_bytes(bytes(1000))
    check_room(900)
    with pytest.raises(OSError, match="space"):
        check_room(1000)
    free = module.shutil.disk_usage(place)._replace(free=module._SPARE + 800)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: free)
    check_room(800)
    with pytest.raises(OSError, match="space"):
        check_room(801)


def test_room_that_is_kept_is_nobody_elses_until_the_file_has_it(place, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", module._used(spool()) + 5000)
    monkeypatch.setattr(module, "FOLDER_BUDGET", module.BUDGET)
    first, second = (make_folder() / "photo.part" for _ in range(2))
    reserve(first, 2000, 5000)  # of which 2000 are kept
    with pytest.raises(OSError, match="space"):
        reserve(second, 1000, 3001)
    reserve(second, 1000, 3000)
    for written in (0, 1500, 2000):
        first.write_bytes(bytes(written))
        check_room(2000)
        with pytest.raises(OSError, match="space"):
            check_room(2001)
    reserve(first, 4000)
    with pytest.raises(OSError, match="space"):
        check_room(1)
    with pytest.raises(OSError, match="space"):
        reserve(second, 1001)
    release(first)
    release(second)  # for which none is kept any more
    check_room(3000)
    with pytest.raises(OSError, match="space"):
        check_room(3001)


def test_room_that_is_kept_is_not_on_the_disk_for_others(place, monkeypatch):
    free = module.shutil.disk_usage(place)._replace(free=module._SPARE + 800)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: free)
    path = make_folder() / "photo.part"
    reserve(path, 500)
    check_room(300)
    with pytest.raises(OSError, match="space"):
        check_room(301)
    release(path)
    check_room(800)


def test_one_folder_has_a_share_and_others_the_rest(place, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 8000)
    monkeypatch.setattr(module, "FOLDER_BUDGET", 4000)
    folder, other = make_folder(), make_folder()
    (folder / "result.out").write_bytes(bytes(1000))
    reserve(folder / "1.part", 2000)
    reserve(folder / "2.part", 1000)
    with pytest.raises(FolderFullError):
        reserve(folder / "3.part", 1)
    with pytest.raises(FolderFullError):
        reserve(folder / "2.part", 500, 1001)
    (folder / "2.part").write_bytes(bytes(1000))
    reserve(folder / "2.part", 1000)
    reserve(other / "1.part", 3000)
    for number in (1, 2):
        release(folder / f"{number}.part")
    release(other / "1.part")
    reserve(folder / "3.part", 2000)
    release(folder / "3.part")
