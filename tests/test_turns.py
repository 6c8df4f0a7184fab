import threading

import pytest

from denoise.turns import Turns


@pytest.fixture
def work():
    """Begin a work of this size in a thread of its own; it is told to end by what this returns, with how it went."""
    threads, every = [], []

    def begin(turns, size, **calls):
        inside, end, told = threading.Event(), threading.Event(), []

        def run():
            with turns.turn(size, tell=told.append, **calls):
                inside.set()
                assert end.wait(10)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        every.append(end)
        return inside, end, told

    yield begin
    for end in every:
        end.set()
    for thread in threads:
        thread.join(10)


def test_large_works_wait_until_there_is_room_in_the_order_in_which_they_came(work):
    turns = Turns(100, small=10)
    first, end_first, told = work(turns, 60)
    assert first.wait(10)
    assert told == [0]
    second, _, told_second = work(turns, 50)
    while told_second != [1]:
        pass
    third, _, told_third = work(turns, 40)  # has room, but came later
    while told_third[:1] != [2]:
        pass
    assert not second.is_set()
    assert not third.is_set()
    assert turns.waiting == 2
    end_first.set()
    assert second.wait(10)
    assert third.wait(10)
    assert (told_second[-1], told_third[-1], turns.waiting) == (0, 0, 0)


def test_small_works_never_wait_and_one_that_is_too_large_works_alone(work):
    turns = Turns(100, small=10)
    huge, end, _ = work(turns, 1000)
    assert huge.wait(10)
    assert work(turns, 10)[0].wait(10)
    other, *_ = work(turns, 11)
    assert not other.is_set()
    end.set()
    assert other.wait(10)


def test_who_waits_no_longer_leaves_the_queue_to_the_next(work):
    turns = Turns(100, small=10)
    first, end_first, _ = work(turns, 100)
    assert first.wait(10)

    def give_up():
        raise InterruptedError

    with pytest.raises(InterruptedError), turns.turn(100, check=give_up):
        pytest.fail("it was not its turn")
    second, *_ = work(turns, 100)
    end_first.set()
    assert second.wait(10)


def test_work_that_fails_gives_its_room_back():
    turns = Turns(100, small=10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn(100):
            raise ZeroDivisionError
    with turns.turn(100):
        pass


def test_small_works_wait_for_one_another_only_where_they_are_to_be_few(work):
    turns = Turns(100, small=10, few=1)
    huge, *_ = work(turns, 1000)
    assert huge.wait(10)
    first, end_first, _ = work(turns, 10)
    assert first.wait(10)
    second, _, told = work(turns, 5)
    while told != [1]:
        pass
    assert not second.is_set()
    end_first.set()
    assert second.wait(10)
