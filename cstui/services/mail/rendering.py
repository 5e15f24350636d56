"""Turns a template and facts into a mail. Templates see texts and lists only: nothing of the program can be reached from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from cstui.domain.clean import clean
from cstui.domain.errors import InvalidInput
from cstui.domain.mails import LONGEST_SUBJECT, LONGEST_TEMPLATE, MailKind, MailWords

Facts = Mapping[str, Any]
#: What a template may do with a text beside showing it; none of these can make a short text endless.
_FILTERS: Final = (
    "capitalize",
    "default",
    "e",
    "escape",
    "first",
    "join",
    "last",
    "length",
    "lower",
    "title",
    "trim",
    "upper",
)
_SUBJECT: Final = "Subject: "
_PAGE: Final = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n'
    '<body style="font-family: sans-serif; line-height: 1.5; max-width: 40em; margin: 1em auto; padding: 0 1em">\n'
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail in words; `html` is empty where it is text alone."""

    subject: str
    text: str
    html: str


@lru_cache(maxsize=32)
def built_in(kind: MailKind) -> MailWords:
    """The words that come with cstui."""
    folder = resources.files("cstui.services.mail") / "templates"
    subject, _, text = (folder / f"{kind.value}.txt").read_text("utf-8").partition("\n")
    html = folder / f"{kind.value}.html"
    return MailWords(
        kind,
        subject.removeprefix(_SUBJECT),
        text.lstrip("\n"),
        html.read_text("utf-8") if html.is_file() else "",
    )


def rendered(words: MailWords, facts: Facts) -> Rendered:
    """The mail that these words make of these facts, cleaned of whatever could steer a terminal or forge a header.

    Errors: `InvalidInput` naming the part (subject, text, html) that cannot be rendered, and why.
    """
    subject = clean(" ".join(_part("subject", words.subject, facts).split()), limit=LONGEST_SUBJECT)
    text = clean(_part("text", words.text, facts).strip() + "\n", multiline=True)
    html = clean(_part("html", words.html, facts).strip(), multiline=True) if words.html.strip() else ""
    if not subject or not text.strip():
        part = "text" if subject else "subject"
        raise InvalidInput(
            part, "", f"The {part} comes out empty.", "Write something that always stands there."
        )
    return Rendered(subject, text, f"{_PAGE}{html}\n</body></html>\n" if html else "")


def _part(part: str, source: str, facts: Facts) -> str:
    import jinja2

    if len(source) > LONGEST_TEMPLATE:
        raise InvalidInput(
            part, source[:40] + "…", f"The {part} is longer than {LONGEST_TEMPLATE} signs.", "Shorten it."
        )
    try:
        return str(_compiled(source, part == "html").render(facts))
    except jinja2.TemplateSyntaxError as error:
        said = f"The {part} cannot be read at line {error.lineno}: {clean(error.message or 'unknown fault', limit=200)}."
        raise InvalidInput(part, source[:80], said, "Correct that line.") from None
    except jinja2.UndefinedError as error:
        said = f"The {part} names something that this mail does not have: {clean(error.message or '', limit=200)}."
        raise InvalidInput(part, source[:80], said, "“cstui mail preview” shows what there is.") from None
    except Exception as error:
        # Whatever a template does wrong, it never ends the use case that wanted to tell somebody something.
        said = f"The {part} cannot be rendered: {type(error).__name__}: {clean(str(error), limit=200)}."
        raise InvalidInput(part, source[:80], said, "Use plain texts, “if” and “for” alone.") from None


@lru_cache(maxsize=256)
def _compiled(source: str, autoescape: bool) -> Any:
    return _environment(autoescape).from_string(source)


@lru_cache(maxsize=2)
def _environment(autoescape: bool) -> Any:
    import jinja2
    from jinja2.exceptions import SecurityError
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ImmutableSandboxedEnvironment):
        """A sandbox without methods: an attribute is an entry of the facts, or of the loop."""

        intercepted_binops = frozenset({"*", "**", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            raise SecurityError(f"“{operator}” is not for templates")

        def getattr(self, obj: Any, attribute: str) -> Any:
            # An entry goes before a method of the same name, such as `items`.
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            return isinstance(obj, LoopContext) and attr in ("first", "last", "index", "length")

        def is_safe_callable(self, obj: Any) -> bool:
            return False

    environment = Environment(
        autoescape=autoescape, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )  # fmt: skip
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    return environment
