"""Agents refund orders through an NMI that fails one call in five while workers are killed at random; then both ledgers are compared.

    python benchmarks/soak_refunds.py [--agents 50] [--orders 500] [--workers 3] [--share 0.2] [--seed 1] [--sqlite] [--calm]

The database is a PostgreSQL of its own that is thrown away (`--sqlite`: a file). Each agent is a desk with its own connections; workers are
real `cstui worker` processes, ended with SIGKILL every few seconds and started again. Afterwards the gateway heals, time moves on, open
outcomes are looked up, and what no look can decide is settled by a supervisor who has seen the gateway's own pages. At the end the gateway's
ledger must be ours to the cent, with nothing doubled and nothing open.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.unreliable_nmi import UnreliableNmi
from cstui.bootstrap import Desk
from cstui.domain.actor import Actor
from cstui.domain.errors import CstuiError, DatabaseAway, OutcomeUnknown
from cstui.domain.gateways import Operation
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.domain.refund_plan import plan
from cstui.domain.refunds import Receipt, RefundChoice, Share
from cstui.services.refund_decisions import ByHand
from cstui.storage import schema
from cstui.storage.database import Database
from tests import factories as make
from tests import postgres
from tests.fakes.nmi import KEY
from tests.money import ATTEMPT, MOVE, REFUND
from tests.windows.till import QuickGateways, Till, make_till

ROOT = Path(__file__).parents[1]
#: Seconds that a worker waits for an answer here; a minute in earnest, which a soak would only sleep through.
ANSWER_SECONDS = 1.0
_DONE = ("done_void", "done_refund")
Pause = tuple[float, float]


@dataclass
class Result:
    """What the soak came to; `faults` is empty where everything adds up."""

    agents: int
    orders: int
    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ask_seconds: list[float] = field(default_factory=list)
    asking_seconds: float = 0.0
    storm_seconds: float = 0.0
    calls: int = 0
    gateway_faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    open_after_storm: int = 0
    settled_by_hand: int = 0
    attempts: Counter[str] = field(default_factory=Counter)
    refunds: Counter[str] = field(default_factory=Counter)
    given_back: int = 0
    faults: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """The figures, one a line."""
        ask = sorted(self.ask_seconds) or [0.0]
        return "\n".join(
            (
                f"{self.asked} refunds asked for by {self.agents} agents on {self.orders} orders in {self.asking_seconds:.1f} s"
                f" (p50 {statistics.median(ask) * 1000:.0f} ms, p95 {ask[int(len(ask) * 0.95)] * 1000:.0f} ms, nobody stops to think)",
                f"all of them sent after {self.storm_seconds:.1f} s: {self.asked / max(0.001, self.storm_seconds):.1f} a second",
                f"refused because somebody was faster: {_counted(self.refused)}",
                f"the gateway was called {self.calls} times and failed {sum(self.gateway_faults.values())} times: {_counted(self.gateway_faults)}",
                f"workers killed: {self.kills}; outcomes open when the storm ended: {self.open_after_storm}; settled by hand: {self.settled_by_hand}",
                f"attempts: {_counted(self.attempts)}; refunds: {_counted(self.refunds)}",
                f"given back, by both ledgers: {self.given_back / 100:.2f} USD"
                if not self.faults
                else "\n".join(self.faults),
            )
        )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common()) or "none"


def soak(
    url: str,
    *,
    agents: int,
    orders: int,
    workers: int,
    share: float,
    seed: int,
    kill_every: Pause | None = (4.0, 10.0),
) -> Result:
    """Runs the whole soak on an empty migrated database; `kill_every`: the shortest and longest pause between two kills, in seconds."""
    result = Result(agents, orders)
    dice = random.Random(seed)
    with UnreliableNmi(share, seed) as nmi, tempfile.TemporaryDirectory() as folder:
        till = make_till(url, nmi)
        fill(till, orders, dice)
        people = [make.add_staff(till.db, f"agent{n}", terminal=f"term-{n}") for n in range(agents)]
        began = time.monotonic()
        with crowd_of_workers(url, workers, folder, kill_every, dice, result), saboteur(nmi):
            ask_all(url, people, work_list(till, dice), result, seed)
            result.asking_seconds = time.monotonic() - began
            wait_until_sent(till)
            result.storm_seconds = time.monotonic() - began
        result.calls, result.gateway_faults = nmi.calls, nmi.faults
        result.open_after_storm = sum(state in ("sending", "unknown") for state in till.states)
        nmi.heal()
        reconcile(till, result)
        examine(till, result)
        till.desk.close()
    return result


# What is refunded ---------------------------------------------------------------------------------------


def fill(till: Till, orders: int, dice: random.Random) -> None:
    """Orders of one charge or two; a third of them has not settled yet."""
    for _ in range(orders):
        charges = [dice.randrange(500, 20_000) for _ in range(1 if dice.random() < 0.85 else 2)]
        till.at_nmi(*charges, settled=dice.random() < 0.67)


def work_list(till: Till, dice: random.Random) -> queue.SimpleQueue[tuple[int, float]]:
    """What is asked for: each order once, every fifth by two agents at about the same moment, some in parts."""
    asks: list[tuple[int, float]] = []
    for order in {row.order_id for row in till.rows(MOVE)}:
        part = dice.random()
        asks += [(order, part)] * (2 if dice.random() < 0.2 else 1)
    found: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()
    for ask in asks:
        found.put(ask)
    return found


def ask_all(
    url: str, people: list[Actor], asks: queue.SimpleQueue[tuple[int, float]], result: Result, seed: int
) -> None:
    """Every agent at a desk of its own, until nothing is left to ask for."""
    faults: list[BaseException] = []

    def agent(person: Actor, dice: random.Random) -> None:
        desk = Desk(url)
        try:
            while True:
                order, part = asks.get_nowait()
                ask(desk, person, order, part, dice, result)
        except queue.Empty:
            pass
        except BaseException as error:
            faults.append(error)
        finally:
            desk.close()

    threads = [
        threading.Thread(target=agent, args=(person, random.Random(seed * 1000 + number)))
        for number, person in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def ask(desk: Desk, person: Actor, order: int, part: float, dice: random.Random, result: Result) -> None:
    """One refund as a panel asks for it; sometimes the key is pressed twice."""
    choice = RefundChoice() if part < 0.7 else RefundChoice(Share.PERCENT, percent=dice.randrange(1, 100))
    began, token = time.monotonic(), new_token()
    try:
        basis, grip = patient(lambda: desk.refunds.open(person, order, token))
        expected, save_id = plan(basis, choice, datetime.now(UTC)).total, new_token()

        def press() -> Receipt:
            return desk.refunds.request(
                person, order, grip, choice, "damaged", "", save_id, expected=expected, undo_seconds=0
            )

        receipt = patient(press)
        if dice.random() < 0.1 and patient(press).refund_ids != receipt.refund_ids:
            raise AssertionError("the same key gave two receipts")
        result.asked += 1
        result.ask_seconds.append(time.monotonic() - began)
    except (DatabaseAway, OutcomeUnknown):
        raise
    except CstuiError as refusal:
        result.refused[refusal.code] += 1
        patient(lambda: desk.locks.release(person, token))


def patient(call: Any) -> Any:
    """What a desk does while the database is busy: the same again, under the same save id."""
    for turn in range(20):
        try:
            return call()
        except (DatabaseAway, OutcomeUnknown):
            if turn == 19:
                raise
            time.sleep(0.2)


# What goes wrong ----------------------------------------------------------------------------------------


@contextmanager
def crowd_of_workers(
    url: str, count: int, folder: str, kill_every: Pause | None, dice: random.Random, result: Result
) -> Iterator[None]:
    """So many `cstui worker` processes, one of which is killed every few seconds; at the end they are asked to end, and must in order."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CSTUI_", "XDG_"))}
    environ |= {"CSTUI_SECRET_NMI_US": KEY, "HOME": folder, "PYTHONPATH": str(ROOT)}

    def start() -> _Running:
        return _Running(
            subprocess.Popen([sys.executable, __file__, "--worker", url], env=environ, cwd=folder), time.monotonic()
        )  # fmt: skip

    running, stop = [start() for _ in range(count)], threading.Event()

    def killer() -> None:
        while kill_every is not None and not stop.wait(dice.uniform(*kill_every)):
            place = dice.randrange(count)
            running[place].process.send_signal(signal.SIGKILL)
            running[place].process.wait()
            result.kills += 1
            running[place] = start()

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for worker in running:
            worker.process.send_signal(signal.SIGTERM)
        codes = [worker.process.wait(30) for worker in running if worker.is_at_work]
        if any(codes):
            result.faults.append(f"workers ended with {codes}")


@dataclass
class _Running:
    """A worker's process. One that is still starting does not know yet what SIGTERM asks of it."""

    process: subprocess.Popen[bytes]
    began: float

    @property
    def is_at_work(self) -> bool:
        return time.monotonic() - self.began > 10


@contextmanager
def saboteur(nmi: UnreliableNmi) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=nmi.sabotage, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_until_sent(till: Till, seconds: float = 300.0) -> None:
    """Until nothing is left that could be sent now."""
    until = time.monotonic() + seconds
    while "armed" in till.states and time.monotonic() < until:
        time.sleep(0.5)


def work_as_worker(url: str) -> int:
    """`cstui worker` with a shorter patience for answers."""
    from cstui.cli.main import run
    from cstui.services.gateways.nmi import Nmi

    defaults: dict[str, Any] = Nmi.__init__.__kwdefaults__ or {}
    defaults["answer_seconds"] = ANSWER_SECONDS
    return run(["worker", "--db", url])


# What is left at the end --------------------------------------------------------------------------------


def reconcile(till: Till, result: Result) -> None:
    """Time moves on until nothing is open: looks, a supervisor's word where no look can decide, settlement, the daily queue."""
    assert till.nmi is not None
    QuickGateways.seconds = 10.0
    for _ in range(8):
        till.bury()
        till.until_quiet()
        settle_by_hand(till, result)
        till.nmi.settle()
        till.later(hours=25)
        till.work()
        if set(till.refund_states) <= set(_DONE):
            return


def settle_by_hand(till: Till, result: Result) -> None:
    """What is still unknown after the quiet time: the supervisor reads the gateway's own pages and says what they say."""
    assert till.nmi is not None
    targets = {row.id: row.gateway_ref for row in till.rows(MOVE)}
    for row in till.rows(ATTEMPT, state=AttemptState.UNKNOWN):
        target = targets[row.transaction_id]
        if row.operation is Operation.VOID:
            ref = target if till.nmi.transactions[target].condition == "canceled" else ""
        else:
            made = [
                one for one in till.nmi.transactions.values() if one.order == row.key and one.kind == "refund"
            ]
            ref = made[0].ref if made else ""
        outcome = ByHand.SUCCEEDED if ref else ByHand.NOT_EXECUTED
        till.decisions.settle(till.sue, row.id, outcome, "The gateway's own pages", new_token(), ref)
        result.settled_by_hand += 1


def examine(till: Till, result: Result) -> None:
    """Compares the ledgers charge by charge and key by key, and proves the history."""
    assert till.nmi is not None
    attempts, moves = till.rows(ATTEMPT), till.rows(MOVE)
    result.attempts = Counter(row.state.value for row in attempts)
    result.refunds = Counter(row.state.value for row in till.rows(REFUND))
    result.given_back = till.gone
    for charge in (row for row in moves if row.kind == "sale"):
        ours = sum(row.amount for row in moves if row.parent_id == charge.id and row.status == "succeeded")
        theirs = till.nmi.given_back(charge.gateway_ref)
        if ours != theirs:
            result.faults.append(f"charge {charge.gateway_ref}: {ours} here, {theirs} at the gateway")
    made = Counter(one.order for one in till.nmi.transactions.values() if one.kind == "refund")
    done = {
        row.key
        for row in attempts
        if row.operation is Operation.REFUND and row.state is AttemptState.SUCCEEDED
    }
    result.faults += [f"key {key} was executed {count} times" for key, count in made.items() if count != 1]
    result.faults += [f"key {key} is done on one side only" for key in set(made) ^ done]
    result.faults += [
        f"{count} refunds ended {state}" for state, count in result.refunds.items() if state not in _DONE
    ]
    result.faults += [
        f"{result.attempts[state]} attempts are {state}"
        for state in ("sending", "unknown", "armed")
        if result.attempts[state]
    ]
    result.faults += till.nmi.breaches
    result.faults += till.desk.audit.verify(till.sue)


@contextmanager
def database(sqlite: bool) -> Iterator[str]:
    """An empty, migrated database that is thrown away."""
    if sqlite:
        with tempfile.TemporaryDirectory() as folder:
            yield migrated(f"sqlite:///{folder}/soak.db")
        return
    postgres._SETTINGS["max_connections"] = "300"
    server = postgres.find_server()
    if isinstance(server, str):
        raise SystemExit(server)
    try:
        server.create_database("soak")
        yield migrated(server.url("soak"))
    finally:
        server.close()


def migrated(url: str) -> str:
    made = Database(url)
    schema.upgrade(made)
    made.close()
    return url


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--agents", type=int, default=50)
    asked.add_argument("--orders", type=int, default=500)
    asked.add_argument("--workers", type=int, default=3)
    asked.add_argument("--share", type=float, default=0.2, help="of calls that fail")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--sqlite", action="store_true")
    asked.add_argument("--calm", action="store_true", help="nothing fails and nobody is killed")
    asked.add_argument("--worker", default="", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.worker:
        return work_as_worker(given.worker)
    with database(given.sqlite) as url:
        result = soak(
            url, agents=given.agents, orders=given.orders, workers=given.workers, seed=given.seed,
            share=0.0 if given.calm else given.share, kill_every=None if given.calm else (4.0, 10.0),
        )  # fmt: skip
    print(result.in_words())
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
