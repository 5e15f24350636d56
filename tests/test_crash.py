"""A crash leaves a number, a sentence and a report without anybody's data; the log never reaches the screen."""

import json
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.widgets import Static

from cstui.crash import (
    Incident,
    end_with_incident,
    incident_message,
    install_excepthooks,
    redacted,
    traceback_lines,
    write_incident,
)
from cstui.domain.clean import FORBIDDEN
from cstui.log import close_log, logger, open_log
from tests.bad_inputs import BAD_TEXTS

CARD = "4111 1111 1111 1111"
MAIL = "ann.lee@example.com"
STEERING = re.compile(f"[{FORBIDDEN}]")


def caught(message: str) -> ValueError:
    card_number, cvv = CARD, "737"

    def charge(number: str, code: str) -> None:
        raise ValueError(message)

    try:
        charge(card_number, cvv)
    except ValueError as error:
        return error
    raise AssertionError("it did not raise")


def test_a_report_names_file_line_and_function_and_no_value(tmp_path: Path) -> None:
    incident = write_incident(caught(f"declined: {CARD} of {MAIL} at +1 (212) 555-0123"), tmp_path / "new")
    assert incident.path is not None
    report = incident.path.read_text(encoding="utf-8")
    assert incident.number in report
    assert incident.number in incident.path.name
    assert re.search(r"tests/test_crash\.py:\d+ in charge", report)
    for value in (CARD, CARD.replace(" ", ""), MAIL, "737", "555", "card_number", str(Path.home())):
        assert value not in report
    assert "builtins.ValueError: declined: [number] of [e-mail] at [number]" in report
    assert oct(incident.path.stat().st_mode)[-3:] == "600"


def test_causes_contexts_and_groups_are_all_told(tmp_path: Path) -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ExceptionGroup("two", [OSError("disk"), caught("inner")]) from error
    except ExceptionGroup as group:
        lines = "\n".join(traceback_lines(group))
    for part in ("KeyError: 'first'", "which led to", "ExceptionGroup", "OSError: disk", "ValueError: inner"):
        assert part in lines


def test_a_circle_of_causes_and_an_error_without_words_end() -> None:
    class Wordless(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    one, two = ValueError("a"), Wordless()
    one.__cause__, two.__cause__ = two, one
    assert "(no text)" in "\n".join(traceback_lines(one))


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("order 1001 of 2026-11-22", "order 1001 of 2026-11-22"),
        ("card 4111111111111111", "card [number]"),
        ("card 4111-1111-1111-1111 x", "card [number] x"),
        ("write to Ann.Lee+x@shop.example now", "write to [e-mail] now"),
        ("postgresql+psycopg://ann:pw@db/cstui", "postgresql+psycopg://[secret]@db/cstui"),
        ("password=hunter2 next", "password=[secret] next"),
        ("CVV: 737", "CVV: [secret]"),
        ("Key (email)=(ann) already exists", "Key (email)=([value]) already exists"),
        ("lost\n[SQL: SELECT x]\n[parameters: ('Ann',)]", "lost [statement]"),
        ("no value 'Ann Lee' here", "no value '[text]' here"),
        ("can't take 'Ann Lee' or 'Bob'", "can't take '[text]' or 'Bob'"),
        ("'NoneType' object has no attribute 'total'", "'NoneType' object has no attribute 'total'"),
    ],
)
def test_the_redactor_takes_out_what_could_be_somebodys(written: str, left: str) -> None:
    assert redacted(written) == left


@given(st.text(st.characters(codec=None), max_size=80), st.text("0123456789", min_size=12, max_size=30))
def test_no_run_of_twelve_digits_survives(around: str, digits: str) -> None:
    made = redacted(f"{around}x{digits}x{around}")
    assert digits not in made
    assert not STEERING.search(made.replace("\n", ""))


def test_a_directory_that_cannot_be_written_still_gives_a_number(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    incident = write_incident(caught("x"), blocked / "incidents")
    assert incident.path is None
    assert incident.number
    assert "could not be written" in incident_message(incident)


def test_the_message_is_a_sentence_with_the_number_and_the_file() -> None:
    words = incident_message(Incident("4F2A-91C3", Path("/var/log/x.txt")))
    assert words.startswith("Something went wrong. Incident 4F2A-91C3 was written to /var/log/x.txt.\n")
    assert "draft" in words
    assert "draft" not in incident_message(Incident("4F2A-91C3", None), draft_kept=False)


class Failing(App[None]):
    """An app that ends as cstui does."""

    BINDINGS = [("x", "fail", "Fail")]
    incidents: Path
    incident: Incident | None = None

    def compose(self) -> ComposeResult:
        yield Static("desk")

    def action_fail(self) -> None:
        card_number = CARD
        raise RuntimeError(f"gateway said no to {card_number}")

    def _fatal_error(self) -> None:
        self.incident = end_with_incident(self, self.incidents)


async def test_an_app_that_fails_shows_the_incident_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = Failing()
    app.incidents = tmp_path
    with pytest.raises(RuntimeError, match="gateway"):
        async with app.run_test() as pilot:
            await pilot.press("x")
            await pilot.pause()
    assert app.return_code == 70
    assert app.incident is not None and app.incident.path is not None
    assert "in action_fail" in app.incident.path.read_text()
    app._print_error_renderables()
    shown = "".join(capsys.readouterr())
    assert app.incident.number in shown
    assert CARD not in shown and "Traceback" not in shown and "action_fail" not in shown


def test_errors_that_nobody_caught_become_incidents_in_every_thread(tmp_path: Path) -> None:
    told: list[Incident] = []
    restore = install_excepthooks(tmp_path, told.append)
    try:
        sys.excepthook(ValueError, caught("main"), None)
        thread = threading.Thread(target=lambda: [][0])
        thread.start()
        thread.join()
    finally:
        restore()
    reports = [incident.path.read_text() for incident in told if incident.path]
    assert ["ValueError: main" in reports[0], "IndexError" in reports[1], len(reports)] == [True, True, 2]


# The log ------------------------------------------------------------------------------------------


@pytest.fixture
def log_lines(tmp_path: Path) -> Iterator["Lines"]:
    yield Lines(tmp_path / "log")
    close_log()


class Lines:
    """The lines of a log that was opened in a directory."""

    def __init__(self, directory: Path) -> None:
        self.log = open_log(directory)

    def __call__(self) -> list[dict[str, object]]:
        assert self.log.path is not None
        return [json.loads(line) for line in self.log.path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_json_with_its_time_level_and_values(log_lines: Lines) -> None:
    logger("search").info("slow_query", milliseconds=412, store="S1", order="1001")
    [line] = log_lines()
    assert line["event"] == "slow_query"
    assert line["level"] == "info"
    assert (line["milliseconds"], line["store"], line["order"]) == (412, "S1", "1001")
    assert str(line["timestamp"]).endswith("Z")


def test_below_the_level_nothing_is_written(log_lines: Lines) -> None:
    logger("search").debug("typed", text="Ann")
    assert log_lines() == []


def test_neither_card_nor_address_nor_secret_is_ever_written(log_lines: Lines) -> None:
    logger("x").info(
        f"charged {CARD}",
        mail=MAIL,
        nested={"cvv": "737", "deep": [CARD, {"to": MAIL}]},
        password="hunter2",
        amount=4111111111111111,
        raw=CARD.encode(),
    )
    logging.getLogger("library").warning("sent %s to %s", CARD, MAIL)
    assert log_lines.log.path is not None
    written = log_lines.log.path.read_text()
    for value in (CARD, "4111", "1111", MAIL, "737", "hunter2"):
        assert value not in written
    assert len(log_lines()) == 2


def test_an_error_is_logged_without_its_values(log_lines: Lines) -> None:
    try:
        raise caught(f"no {MAIL}")
    except ValueError as error:
        logger("x").exception("failed")
        logging.getLogger("library").error("also", exc_info=error)
    for line in log_lines():
        assert "ValueError: no [e-mail]" in str(line["error"])
        assert MAIL not in str(line) and "737" not in str(line)


@pytest.mark.parametrize(("name", "value"), BAD_TEXTS, ids=[name for name, _ in BAD_TEXTS])
def test_a_bad_text_makes_one_clean_line(name: str, value: str, log_lines: Lines) -> None:
    logger("x").info(value, value=value, **{"k" + value[:50]: value})
    assert log_lines.log.path is not None
    written = log_lines.log.path.read_text(encoding="utf-8")
    assert written.count("\n") == 1
    assert not STEERING.search(written[:-1])
    assert len(written) < 60_000


def test_an_object_whose_text_fails_costs_no_line(log_lines: Lines) -> None:
    class Silent:
        def __str__(self) -> str:
            raise RuntimeError

    logger("x").info("made", thing=Silent())
    assert log_lines()[0]["thing"] == "[Silent]"


def test_a_log_that_cannot_be_written_stops_nothing_and_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    log = open_log(blocked / "log")
    logger("x").info("goes nowhere")
    close_log()
    assert log.path is None
    assert str(blocked) in log.problem
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device without space")
def test_a_full_disk_stops_nothing_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cstui.log").symlink_to("/dev/full")
    open_log(tmp_path)
    logger("x").info("goes nowhere")
    close_log()
    assert capfd.readouterr() == ("", "")


def test_nothing_of_the_log_or_of_libraries_reaches_the_screen(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, logging, warnings; from cstui.log import open_log, logger;"
        "open_log(pathlib.Path(sys.argv[1])); logger('x').error('own'); logging.getLogger('lib').error('lib %d', 'bad');"
        "logging.warning('root'); warnings.warn('careful')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=os.getcwd(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = (tmp_path / "cstui.log").read_text()
    for part in ("own", "root", "careful"):
        assert part in written


def test_the_file_is_rotated_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    log = open_log(tmp_path, megabytes=1, kept=1)
    for _ in range(1_100):
        logger("x").info("y " * 950)
    close_log()
    assert log.path is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cstui.log", "cstui.log.1"]
    assert oct(log.path.stat().st_mode)[-3:] == "600"
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        close_log()
