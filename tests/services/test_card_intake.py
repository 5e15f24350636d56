"""Typed cards on their way to a worker: past the database, only where the database expects them, and only from those who may."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cstui.domain.attempts import GatewayUnknown
from cstui.domain.card_desk import CardIntakeAway
from cstui.domain.card_intake import IntakePlace, intake_place
from cstui.domain.errors import InvalidInput
from cstui.domain.ids import new_token
from cstui.domain.payments import AttemptState
from cstui.domain.sandbox import Fault
from cstui.services.card_intake import CardIntake, CardIntakeClient
from cstui.services.cards import Cards
from cstui.services.gateways.registry import Gateways
from cstui.services.worker import Worker
from tests.money import ATTEMPT, MoneyBench, money_bench
from tests.services.test_cards import NUMBER, in_vault, on_file, typed


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    yield made
    made.desk.close()


class Keyless(Gateways):
    """The gateways as a desk sees them that has no key."""

    def key_source(self, account: Any) -> str:
        return ""


def worker_at(bench: MoneyBench, place: IntakePlace) -> Worker:
    db, settings, gateways = bench.db, bench.settings, bench.gateways()
    return Worker(
        db, settings, gateways, senders=0, intake=lambda token: CardIntake(place, db, settings, gateways, token)
    )  # fmt: skip


def desk_at(bench: MoneyBench, place: IntakePlace) -> Cards:
    """The cards of a desk without keys."""
    gateways = Keyless(bench.db, bench.desk.secrets)
    return Cards(bench.db, bench.settings, gateways, bench.desk.verification, CardIntakeClient(place))


@pytest.fixture
def place(quick_folder: Path) -> IntakePlace:
    return IntakePlace(path=str(quick_folder / "in" / "cards.sock"))


@pytest.fixture
def worker(bench: MoneyBench, place: IntakePlace) -> Iterator[Worker]:
    made = worker_at(bench, place)
    made.start()
    yield made
    made.stop()


def add(bench: MoneyBench, cards: Cards) -> Any:
    return cards.add_typed(bench.ann, bench.customer, bench.store, typed(), save_id=new_token())


def say(place: IntakePlace, message: bytes) -> dict[str, Any]:
    """Talks to the intake by hand; an empty answer where it hangs up."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(3)
        line.connect(place.path)
        greeting = line.recv(4)
        line.recv(struct.unpack("!I", greeting)[0])
        line.sendall(message)
        head = line.recv(4)
        return dict(json.loads(line.recv(struct.unpack("!I", head)[0]))) if head else {}


def framed(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack("!I", len(body)) + body


def test_a_desk_without_keys_hands_the_card_to_a_worker_that_keeps_it(
    bench: MoneyBench, place: IntakePlace, worker: Worker
) -> None:
    cards = desk_at(bench, place)
    desk = cards.begin_add(bench.ann, bench.customer, bench.store)
    assert desk.typed.is_possible and desk.typed.through_worker
    kept = add(bench, cards)
    (attempt,) = bench.rows(ATTEMPT)
    assert kept.name == "Visa …1111" and attempt.worker == worker.token
    assert [(row.vault_ref, row.billing_ref) for row in on_file(bench)] == in_vault(bench) != []
    assert NUMBER not in str(attempt)


def test_the_socket_is_the_owners_alone_and_gone_afterwards(
    bench: MoneyBench, place: IntakePlace, worker: Worker
) -> None:
    assert stat.S_IMODE(os.stat(place.path).st_mode) == 0o600
    second = worker_at(bench, place)
    second.start()
    second.stop()
    assert add(bench, desk_at(bench, place)).card_id
    worker.stop()
    assert not os.path.exists(place.path)


def test_what_a_dead_worker_left_behind_is_in_nobodys_way(bench: MoneyBench, place: IntakePlace) -> None:
    os.makedirs(os.path.dirname(place.path))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(place.path)
    made = worker_at(bench, place)
    made.start()
    try:
        assert add(bench, desk_at(bench, place)).card_id
    finally:
        made.stop()


def test_without_a_worker_nothing_leaves_the_desk_and_the_next_try_is_free(
    bench: MoneyBench, place: IntakePlace
) -> None:
    cards = desk_at(bench, place)
    assert "No worker" in cards.begin_add(bench.ann, bench.customer, bench.store).typed.why_not
    made = worker_at(bench, place)
    made.start()
    assert made._intake is not None
    made._intake.stop()
    with pytest.raises(CardIntakeAway):
        add(bench, cards)
    assert [row.state for row in bench.rows(ATTEMPT)] == [AttemptState.NOT_SENT]
    made._takes_cards = False
    made.stop()


def test_a_lost_answer_of_the_gateway_is_unknown_at_the_desk_and_found_later(
    bench: MoneyBench, place: IntakePlace, worker: Worker
) -> None:
    bench.fault(Fault.TIMEOUT_AFTER, "vault_add")
    with pytest.raises(GatewayUnknown):
        add(bench, desk_at(bench, place))
    bench.later(seconds=30)
    bench.work()
    assert [(row.vault_ref, row.billing_ref) for row in on_file(bench)] == in_vault(bench) != []


def test_a_card_that_the_database_does_not_expect_is_refused(
    bench: MoneyBench, place: IntakePlace, worker: Worker
) -> None:
    card = {"number": NUMBER, "code": "737", "month": 12, "year": 2030, "holder": "", "postcode": ""}
    add(bench, desk_at(bench, place))
    key = bench.rows(ATTEMPT)[0].key
    for message in ({**card, "key": key}, {**card, "key": new_token()}, {**card, "key": None}, {"key": key}):
        assert "refused" in say(place, framed(message))
    assert len(in_vault(bench)) == len(bench.rows(ATTEMPT)) == 1


def test_noise_ends_the_talk_and_not_the_worker(
    bench: MoneyBench, place: IntakePlace, worker: Worker
) -> None:
    for noise in (
        struct.pack("!I", 1 << 30),
        struct.pack("!I", 4) + b"nope",
        framed({"number": 1})[:-1] + b"\xff",
    ):
        assert say(place, noise) in ({}, {"refused": "This is no card."})
    assert add(bench, desk_at(bench, place)).card_id


def test_a_stranger_on_this_machine_is_not_listened_to(
    bench: MoneyBench, place: IntakePlace, worker: Worker, monkeypatch: Any
) -> None:
    monkeypatch.setattr("cstui.services.card_intake.os.getuid", lambda: 4711)
    with pytest.raises(CardIntakeAway, match="takes no cards from this desk"):
        add(bench, desk_at(bench, place))
    assert in_vault(bench) == []


# TLS ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, a worker's certificate and a desk's of the first, and a stranger's of the second."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("papers")

    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("authority", "other"):
        run(
            "req",
            "-x509",
            *new_key,
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )
    for name, signer in (("worker", "authority"), ("desk", "authority"), ("stranger", "other")):
        run("req", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "names.cnf").write_text("subjectAltName=IP:127.0.0.1\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names.cnf", "-out", f"{name}.pem")  # fmt: skip
        (folder / f"{name}.key").chmod(0o600)
    return folder


def tls(papers: Path, name: str, port: int) -> IntakePlace:
    found = intake_place(
        f"tls:127.0.0.1:{port}", str(papers / f"{name}.pem"), str(papers / f"{name}.key"), str(papers / "authority.pem")
    )  # fmt: skip
    assert found is not None
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_over_tls_both_sides_show_who_they_are(sqlite_db: Any, papers: Path) -> None:
    bench = money_bench(sqlite_db.url.text)
    port = free_port()
    made = worker_at(bench, tls(papers, "worker", port))
    made.start()
    try:
        with pytest.raises(CardIntakeAway):
            add(bench, desk_at(bench, tls(papers, "stranger", port)))
        assert in_vault(bench) == []
        assert add(bench, desk_at(bench, tls(papers, "desk", port))).card_id
    finally:
        made.stop()
        bench.desk.close()


def test_a_key_that_others_may_read_is_not_used(sqlite_db: Any, papers: Path, tmp_path: Path) -> None:
    bench = money_bench(sqlite_db.url.text)
    loose = tmp_path / "loose.key"
    loose.write_bytes((papers / "worker.key").read_bytes())
    loose.chmod(0o644)
    place = IntakePlace(
        host="127.0.0.1", port=free_port(), certificate=str(papers / "worker.pem"), key=str(loose), authority=str(papers / "authority.pem")
    )  # fmt: skip
    with pytest.raises(CardIntakeAway, match="others may read"):
        worker_at(bench, place).start()
    bench.desk.close()


@pytest.mark.parametrize(
    "text",
    [
        "http://x",
        "unix:relative",
        "tls:host",
        "tls:host:0",
        "tls:host:99999",
        "tls:h:1",
        "unix:/" + "x" * 120,
    ],
)
def test_a_place_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        intake_place(text)


def test_places_read_back_as_they_are_written() -> None:
    assert intake_place("") is None
    unix, safe = intake_place("unix:/run/cstui/cards"), intake_place("tls:[::1]:7400", "c", "k", "a")
    assert unix is not None and unix.shown == "unix:/run/cstui/cards"
    assert safe is not None and (safe.host, safe.port) == ("::1", 7400)
