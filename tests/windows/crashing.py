"""Processes that die where a window says so: `python -m tests.windows.crashing` forks one for each job that it is given.

A line of JSON on standard input is a list of jobs that run side by side; the answer is a line with what each returned and its exit code (9:
it killed itself). What is dear, importing, is done once; each job runs on connections of its own and ends without any clean-up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event

from cstui.bootstrap import Desk
from cstui.domain.actor import Actor, Grant
from cstui.domain.errors import CstuiError
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Role
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import RefundChoice
from cstui.storage.database import Database
from cstui.storage.queries import attempts
from tests.windows.till import QuickGateways, quick_worker

DEAD = 9
Job = dict[str, Any]


class Crashing:
    """The parent of processes that die, driven by a test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.windows.crashing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def run(self, *jobs: Job) -> list[tuple[Any, int]]:
        """Runs jobs side by side; what each returned (None where it died) and its exit code."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()
        return [(result, code) for result, code in json.loads(self._process.stdout.readline())]

    def dies(self, **job: Any) -> None:
        """Runs a job that must kill itself."""
        assert self.run(job) == [(None, DEAD)]

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def actor_facts(actor: Actor) -> Job:
    """An actor as a job carries it."""
    return {
        "id": actor.staff_id,
        "name": actor.name,
        "terminal": actor.terminal,
        "role": actor.grants[0].role.value,
    }


def _actor(facts: Job) -> Actor:
    return Actor(facts["id"], facts["name"], facts["terminal"], 1, (Grant(Role(facts["role"])),))


def _die() -> None:
    os._exit(DEAD)


def _work(job: Job) -> Any:
    """A worker that dies at the `turn`-th time that it reaches a point, or at the commit that follows it."""
    left = [job.get("turn", 1)]
    worker = None

    def point(name: str) -> None:
        if name != job.get("point"):
            return
        left[0] -= 1
        if left[0]:
            return
        if job.get("at_commit"):
            assert worker is not None
            event.listen(worker._database.engine, "commit", lambda _connection: _die())
        else:
            _die()

    worker = quick_worker(job["url"], point, job.get("name", "doomed"))
    done = worker.once()
    worker.stop()
    return {"sent": done.sent, "tried_again": done.tried_again, "looked": done.looked}


def _quit(job: Job) -> Any:
    """A desk that is left while its worker waits for a gateway."""
    QuickGateways.seconds = 30
    sending = [False]
    worker = quick_worker(job["url"], lambda name: sending.__setitem__(0, sending[0] or name == "sending"))
    worker.start()
    until = time.monotonic() + 10
    while not sending[0] and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    began = time.monotonic()
    worker.stop(0.2)
    return {"seconds": time.monotonic() - began}


def _request(job: Job) -> Any:
    """A refund as the desk asks for it; `die` is `commit` (before it is stored) or `after`."""
    desk, actor = Desk(job["url"]), _actor(job["actor"])
    choice = RefundChoice()
    basis, grip = desk.refunds.open(actor, job["order"], new_token(), job.get("take_over", False))
    expected = plan(basis, choice, datetime.now(UTC)).total
    if job.get("die") == "commit":
        event.listen(desk.database.engine, "commit", lambda _connection: _die())
    receipt = desk.refunds.request(
        actor, job["order"], grip, choice, "damaged", "", job.get("save_id") or new_token(), expected=expected, undo_seconds=0
    )  # fmt: skip
    if job.get("die") == "after":
        _die()
    return receipt.state


def _arm(job: Job) -> Any:
    """Writes an attempt with nothing but the database's own guards in its way."""
    database = Database(job["url"])
    with database.write() as tx:
        return attempts.add(
            tx,
            {
                "key": new_token(), "guard_key": job["guard"], "store_id": job["store"], "order_id": job["order"],
                "customer_id": job["customer"], "transaction_id": job["transaction"], "operation": Operation.REFUND,
                "state": AttemptState.ARMED, "amount": job["amount"], "currency": "USD", "gateway": "sandbox", "account": "main",
                "execute_after": tx.now,
            },
        )  # fmt: skip


_JOBS: dict[str, Callable[[Job], Any]] = {"work": _work, "quit": _quit, "request": _request, "arm": _arm}


def _child(job: Job, answer: int) -> None:
    try:
        time.sleep(max(0.0, job.get("start_at", 0) - time.time()))
        result = _JOBS[job["do"]](job)
    except CstuiError as error:
        result = {"refused": type(error).__name__}
    except BaseException as error:
        os.write(answer, json.dumps({"fault": repr(error)}).encode())
        os._exit(1)
    os.write(answer, json.dumps(result).encode())
    os._exit(0)


def main() -> None:
    """Serves jobs until standard input ends."""
    for line in sys.stdin:
        children = []
        for job in json.loads(line):
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(read)
                _child(job, write)
            os.close(write)
            children.append((child, read))
        answers = []
        for child, read in children:
            with os.fdopen(read) as pipe:
                said = pipe.read()
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            answers.append((json.loads(said) if said else None, code))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
