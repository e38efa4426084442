"""What an operator sees of an upstream before using it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.asking import MISSING, ask, refusal
from indexapp.clients.failures import UpstreamFailed
from indexapp.clients.pages import ACCEPT, MOST_BYTES, Form, form_of, serial_of
from tpi_site.kit.outbound import Limits, OutboundFailed, Response

_LIMITS = Limits(most=16 * MOST_BYTES, head=12.0, idle=12.0, total=12.0)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """``sentence`` tells all of it; ``code`` is empty where the upstream can be used."""

    sentence: str
    code: str = ""
    seconds: float = 0.0
    """Until the headers were there."""
    tls: str = ""
    """Version of TLS; empty without."""
    form: Form | None = None
    """None where the upstream has no list of projects, which tells nothing of its pages."""
    last_serial: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it answered as a simple repository does."""
        return not self.code


def test(address: UpstreamAddress) -> Trial:
    """Ask for the list of projects; nothing is raised."""
    began = time.monotonic()
    try:
        with ask(address, address.root, {"Accept": ACCEPT}, limits=_LIMITS, takes_gzip=True) as response:
            return _told(response, time.monotonic() - began)
    except UpstreamFailed as failure:
        return Trial(sentence=failure.sentence, code=failure.code, seconds=time.monotonic() - began)


def flaw(address: UpstreamAddress) -> str:
    """What is wrong with the address as it is written, before anybody is asked; empty where nothing is."""
    try:
        address.way.check()
        if "@" in urlsplit(address.url).netloc:
            return "Give the user name and the password by themselves: those inside an address are not used."
    except OutboundFailed as error:
        return str(error)
    return ""


def _told(response: Response, seconds: float) -> Trial:
    if response.status in MISSING:
        sentence = "It answers, and has no list of projects; their pages may be there all the same."
        return Trial(sentence=sentence, seconds=seconds, tls=response.tls)
    if response.status != 200:  # noqa: PLR2004  OK
        raise refusal(response)
    form, serial = form_of(response), serial_of(response.headers.get("X-PyPI-Last-Serial"))
    return Trial(sentence=_sentence(form, serial), seconds=seconds, tls=response.tls, form=form, last_serial=serial)


def _sentence(form: Form, serial: int | None) -> str:
    kinds = {"json": "JSON, with all fields", "html": "HTML only: upload times and sizes are not in it"}
    return f"It answers in {kinds[form]}." + ("" if serial is None else f" Its serial is {serial}.")
