"""Scheduling: jobs wait for a worker."""

import pytest

from infrastructure.scheduling.job_queue import JobQueue


def names_in_order(queue: JobQueue) -> list[str]:
    taken = []
    while (job := queue.take()) is not None:
        taken.append(job.name)
    return taken


def test_the_most_urgent_job_comes_first_and_the_oldest_among_equals():
    queue = JobQueue()
    for name, priority in (("b", 5), ("a", 5), ("later", 9), ("now", 1)):
        queue.submit(name, priority=priority)
    assert names_in_order(queue) == ["now", "b", "a", "later"]


def test_a_job_brings_its_payload():
    queue = JobQueue()
    queue.submit("harvest", payload={"field": 3})
    job = queue.take()
    assert job is not None
    assert job.payload == {"field": 3}


def test_a_job_is_in_the_queue_once():
    queue = JobQueue()
    queue.submit("harvest")
    with pytest.raises(ValueError, match="harvest"):
        queue.submit("harvest")
    queue.take()
    with pytest.raises(ValueError, match="harvest"):
        queue.submit("harvest")
    queue.finish("harvest")
    queue.submit("harvest")


def test_a_failed_job_gets_its_old_place_back():
    queue = JobQueue()
    queue.submit("first")
    queue.submit("second")
    queue.take()
    queue.fail("first")
    assert names_in_order(queue) == ["first", "second"]


def test_a_job_is_given_up_after_its_last_attempt():
    queue = JobQueue(attempts=2)
    queue.submit("harvest")
    for _ in range(2):
        queue.take()
        queue.fail("harvest")
    assert queue.take() is None
    assert [(job.name, job.attempt) for job in queue.dead] == [("harvest", 2)]


@pytest.mark.parametrize("ending", ["finish", "fail"])
def test_a_job_that_does_not_run_cannot_end(ending):
    queue = JobQueue()
    queue.submit("waiting")
    with pytest.raises(KeyError, match="waiting"):
        getattr(queue, ending)("waiting")


async def test_a_queue_checks_itself_and_disturbs_no_job():
    queue = JobQueue()
    queue.submit("harvest", priority=-100)
    assert await queue.self_check()
    assert names_in_order(queue) == ["harvest"]


async def test_a_queue_that_loses_jobs_does_not_pass_its_check():
    class Forgetful(JobQueue):
        def take(self):
            return None

    assert not await Forgetful().self_check()
