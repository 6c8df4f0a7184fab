import threading

import pytest

from denoise.ui.jobs import Jobs


@pytest.fixture
def jobs():
    return Jobs(lambda error: f"Sorry: {error}")


@pytest.fixture
def go_on():
    event = threading.Event()
    yield event
    event.set()


def test_job_is_begun_once_until_its_work_is_done(jobs, go_on):
    begun = []

    def work(task):
        begun.append(task)
        go_on.wait(10)

    job = jobs.job("lab", 1, work)
    assert jobs.job("lab", 1, work) is job
    go_on.set()
    assert job.wait(10)
    again = jobs.job("lab", 1, work)  # what it made is no longer there, or nobody would ask
    assert again.wait(10)
    assert len(begun) == 2


def test_job_on_something_else_begins_once_the_earlier_one_has_ended(jobs, go_on):
    begun, at_work = [], threading.Event()

    def work(key, task):
        begun.append(key)
        at_work.set()
        go_on.wait(10)

    first = jobs.job("lab", 1, lambda task: work(1, task))
    assert at_work.wait(10)
    second, third = (jobs.job("lab", key, lambda task, key=key: work(key, task)) for key in (2, 3))
    assert first.is_cancelled
    assert second.is_cancelled
    assert not third.wait(0.05)
    assert begun == [1]
    go_on.set()
    assert third.wait(10)
    assert begun == [1, 3]
    jobs.wait(10)
    assert second.has_ended


def test_failure_stays_until_it_is_forgotten(jobs):
    job = jobs.job("lab", 1, lambda task: 1 / 0)
    assert job.wait(10)
    assert jobs.job("lab", 1, lambda task: None) is job
    assert job.reason == "Sorry: division by zero"
    jobs.forget_early_end("other")
    assert jobs.job("lab", 1, lambda task: None) is job
    jobs.forget_early_end("lab")
    assert jobs.job("lab", 1, lambda task: None) is not job


def test_job_that_goes_on_has_no_early_end(jobs, go_on):
    job = jobs.job("lab", 1, lambda task: go_on.wait(10))
    jobs.forget_early_end("lab")
    assert jobs.job("lab", 1, lambda task: None) is job


def test_others_are_ended(jobs, go_on):
    begun = {slot: jobs.job(slot, 1, lambda task: go_on.wait(10)) for slot in ("photo", "lab", "curve")}
    jobs.end_others("photo")
    assert {slot: job.is_cancelled for slot, job in begun.items()} == {"photo": False, "lab": True, "curve": True}
